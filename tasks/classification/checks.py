"""Checks of the images that only classification has: none beside those of every task."""

from tasks import checking

CHECKS = checking.Checks()
