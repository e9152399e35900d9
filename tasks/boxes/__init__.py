"""Boxes and their comparison: overlap, decoding of maps, matches, average precision, errors."""
