"""Bounding boxes of objects, read from the files in which annotation tools store them."""
