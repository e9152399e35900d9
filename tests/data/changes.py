"""Augmentations for tests."""

from data.augment import augment_config

NOTHING = augment_config.AugmentConfig(
    horizontal_flip=False,
    rotation_degrees=0,
    zoom_fraction=0,
    translation_fraction=0,
    brightness_fraction=0,
    contrast_fraction=0,
)
