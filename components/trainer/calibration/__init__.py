"""Calibration after training: the temperature, and the outlier detector."""
