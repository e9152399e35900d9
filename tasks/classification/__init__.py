"""Classification: each image has one class."""

SUMMARY = "each image has one class"
LABELS_PER_IMAGE = "one"
TRAIN_SETTINGS = frozenset({"mix"})
