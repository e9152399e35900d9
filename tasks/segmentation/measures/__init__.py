"""Figures of masks: counts of pixels, rates, boundaries and intervals, each defined once."""
