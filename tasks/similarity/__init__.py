"""Similarity: an image is answered with the images of a gallery that are most like it."""

SUMMARY = "images like a given one are found"
LABELS_PER_IMAGE = "one"
NEEDS_LABELS = False
TRAIN_SETTINGS = frozenset({"retrieval"})
IS_TUNED = False
AUGMENTS = False
