"""Preprocessing: image records → pixels records at the size of the model."""
