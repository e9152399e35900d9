"""Checks of the images that only detection has."""

from tasks import checking

CHECKS = checking.Checks()
