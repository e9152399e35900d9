"""Validation of a set of images: findings, and a stop before training where one blocks."""
