"""Evaluation: metrics by TFMA with intervals and slices; the baseline to be held against."""
