"""Where class folders come from when a user has none: a pip package, TensorFlow Datasets."""
