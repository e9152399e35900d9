"""The trained classifier for runtimes other than TensorFlow: pixels → probabilities."""
