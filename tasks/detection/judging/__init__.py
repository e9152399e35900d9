"""Compares answers with the truth: matches, average precision, kinds of errors."""
