"""Checks of the validation, one function each: a context → findings.

To add one: write the function in the module where it belongs, name it below in the order in which
it is shown, and give ValidateConfig a severity of the same name.
"""

from collections.abc import Callable, Iterable

from components.image_validator import context
from components.image_validator.checks import classes, copies, drift, images

Check = Callable[[context.Context], Iterable[context.Found]]

# Of single images and pairs of images; with the severity "quarantine", they are removed.
IMAGE_CHECKS: dict[str, Check] = {
    check.__name__: check
    for check in (
        copies.label_conflicts,
        copies.split_leaks,
        copies.near_label_conflicts,
        copies.near_split_leaks,
        copies.duplicates,
        copies.near_duplicates,
        copies.span_copies,
        images.blank,
        images.too_dark,
        images.too_bright,
        images.low_contrast,
        images.blurry,
        images.odd_aspect_ratio,
        images.odd_size,
        images.greyscale,
        images.not_servable,
    )
}
# Of the whole set, without the images that those removed.
SET_CHECKS: dict[str, Check] = {
    check.__name__: check
    for check in (
        classes.schema_anomalies,
        classes.quarantined,
        classes.small_classes,
        classes.untested_classes,
        classes.look_alikes,
        classes.value_range,
        classes.class_imbalance,
        classes.label_map,
        drift.label_drift,
        drift.measure_drift,
        drift.embedding_drift,
    )
}
