"""Detection: boxes of objects, their classes and scores."""

SUMMARY = "each object has a box and a class"
LABELS_PER_IMAGE = "any"
ANNOTATES = "boxes"
