"""The metrics of segmentation; each module defines some."""
