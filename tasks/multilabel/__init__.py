"""Multi-label classification: each image has any number of labels, also none."""

from tasks import phase_settings

SUMMARY = "each image has any number of labels"
LABELS_PER_IMAGE = "any"
TRAIN_SETTINGS = phase_settings.ALL | {
    "head_start",
    "label_smoothing",
    "min_precision",
    "mix",
}
