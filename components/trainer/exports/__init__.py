"""Exports of the trained classifier for runtimes other than TensorFlow: pixels → probabilities."""
