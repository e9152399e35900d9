"""Answers about files that a user names, apart from any run: ``python -m pipeline.predict``."""
