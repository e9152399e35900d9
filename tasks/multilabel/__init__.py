"""Multi-label classification: each image has any number of labels, also none."""

SUMMARY = "each image has any number of labels"
LABELS_PER_IMAGE = "any"
TRAIN_SETTINGS = frozenset({"min_precision", "mix"})
