"""Evaluation: per-class metrics by TFMA, floors, and the baseline to be held against."""
