"""Segmentation: every pixel of an image has a class."""

SUMMARY = "every pixel of an image has a class"
LABELS_PER_IMAGE = "any"
ANNOTATES = "pixels"
