"""Corrections: what a person decided about the labels of images, beside the data folder."""
