"""The settings of ``train`` that say how phases train: those of every task that trains a network in phases."""

ALL = frozenset(
    {
        "averaging_epochs",
        "balance",
        "batch_size",
        "cache",
        "calibrate",
        "checkpoint_interval_s",
        "clip_norm",
        "dropout",
        "early_stopping_patience",
        "fine_tune_epochs",
        "fine_tune_learning_rate",
        "head_epochs",
        "head_learning_rate",
        "keep",
        "layer_decay",
        "min_phase_steps",
        "mixed_precision",
        "optimizer",
        "schedule",
        "scratch_epochs",
        "scratch_learning_rate",
        "unfreeze_blocks",
        "warm_up_fraction",
        "weight_decay",
        "xla",
    }
)
