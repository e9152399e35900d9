"""Tuning: which settings of training and augmentation do best on the eval split."""
