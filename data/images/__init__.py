"""Bytes → an upright RGB or grey image on the CPU, within limits, in processes that may crash."""
