"""Multi-label classification: each image has any number of labels, also none."""

# SUMMARY follows with the last of its facets: with it, the task can be chosen.
LABELS_PER_IMAGE = "any"
TRAIN_SETTINGS = frozenset({"min_precision"})
