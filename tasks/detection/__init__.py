"""Detection: boxes of objects, their classes and scores."""

from tasks import phase_settings

SUMMARY = "each object has a box and a class"
LABELS_PER_IMAGE = "any"
ANNOTATES = "boxes"
TRAIN_SETTINGS = phase_settings.ALL | {"join", "min_precision", "nms_iou", "peaks_only"}
IS_TUNED = False
# Small objects need a larger side, maps of many positions small batches. The head is a network of
# its own that learns for dozens of epochs, on several views of each image.
DEFAULTS = {
    "preprocess.size_px": 320,
    "train.batch_size": 8,
    "train.dropout": 0.1,
    "train.label_smoothing": 0.0,
    "train.head_epochs": 30,
    "train.head_learning_rate": 3e-3,
    "train.fine_tune_epochs": 36,
    "train.fine_tune_learning_rate": 4e-4,
    # From the map of stride 8 up: what the head reads is learnt, what is below stays cached.
    "train.unfreeze_blocks": 12,
    "train.layer_decay": 0.92,
    "train.weight_decay": 1e-2,
    "train.clip_norm": 10.0,
    "train.early_stopping_patience": 20,
    "augment.rotation_degrees": 5.0,
    "augment.zoom_fraction": 0.4,
    "augment.translation_fraction": 0.15,
    # A mirrored edge shows objects that have no box.
    "augment.border": "grey",
    "augment.brightness_fraction": 0.25,
    "augment.contrast_fraction": 0.25,
}
