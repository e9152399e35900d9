"""Validation of a set of images: findings, and a stop before training if one blocks."""
