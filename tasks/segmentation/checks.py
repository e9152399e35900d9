"""The checks of images that only segmentation has."""

from tasks import checking

CHECKS = checking.Checks()
