"""Interprets a user's folder: names, the walk, classes and splits, unused files."""
