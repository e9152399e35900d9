"""Segmentation: every pixel of an image has a class."""

SUMMARY = "every pixel of an image has a class"
LABELS_PER_IMAGE = "any"
ANNOTATES = "pixels"
TRAIN_SETTINGS: frozenset[str] = frozenset()
IS_TUNED = False
# Maps of many positions need small batches, and thin objects a larger side; the decoder has hundreds of
# times the parameters of a linear head and learns faster.
DEFAULTS = {
    "preprocess.size_px": 256,
    "train.batch_size": 8,
    "train.label_smoothing": 0.0,
    "train.head_epochs": 20,
    "train.head_learning_rate": 3e-3,
    "train.weight_decay": 1e-2,
    "train.dropout": 0.1,
}
