"""Evaluation: metrics by TFMA with intervals and slices; the baseline model to compare with."""
