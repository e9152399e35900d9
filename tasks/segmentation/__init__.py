"""Segmentation: every pixel of an image has a class."""

from tasks import phase_settings

SUMMARY = "every pixel of an image has a class"
LABELS_PER_IMAGE = "any"
ANNOTATES = "pixels"
TRAIN_SETTINGS = phase_settings.ALL | {"label_smoothing", "windows"}
IS_TUNED = False
# Maps of many positions need small batches, and thin objects a larger side; the decoder has hundreds of
# times the parameters of a linear head and learns faster, but not in the 200 steps that 20 epochs of a few
# dozen images are. Classes of few pixels are not learned without weights. Phase 2 trains all blocks from stride
# 16 on.
DEFAULTS = {
    "preprocess.size_px": 320,
    "train.batch_size": 8,
    "train.label_smoothing": 0.0,
    "train.balance": "weights",
    "train.head_epochs": 20,
    "train.head_learning_rate": 3e-3,
    "train.fine_tune_epochs": 12,
    "train.unfreeze_blocks": 12,
    "train.min_phase_steps": 500,
    "train.weight_decay": 1e-2,
    "train.dropout": 0.1,
}
