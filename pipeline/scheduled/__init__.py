"""Retraining on a schedule: the checks for new data, the decision, the outcome."""
