"""Classification: each image has one class."""

from tasks import phase_settings

SUMMARY = "each image has one class"
LABELS_PER_IMAGE = "one"
TRAIN_SETTINGS = phase_settings.ALL | {"head_start", "label_smoothing", "mix"}
