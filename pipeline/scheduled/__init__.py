"""Retraining on a schedule: when to look, whether to train, what came of it."""
