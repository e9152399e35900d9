"""Tuning: searches the settings of training and augmentation with the lowest eval loss."""
