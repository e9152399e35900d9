"""Settings of the validation of a set of images: a severity for each check, and the limits."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, create_model

from tasks import checking, task

Severity = checking.Severity
SetSeverity = checking.SetSeverity
Consequence = Literal["warn", "quarantine", "block"]  # of a finding that is not ignored
# Settings of the checks that only one task has.
_OfTasks: Any = create_model(
    "_OfTasks", __base__=tuple(task.load(name).checks.settings for name in task.names())
)


class ValidateConfig(_OfTasks):
    """Checks of the images: what happens on each finding, and the limits."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    blank: Severity = Field("warn", description="images of a single colour")
    too_dark: Severity = Field("warn", description="images in which nothing is bright")
    too_bright: Severity = Field("warn", description="images in which nothing is dark")
    low_contrast: Severity = Field("warn", description="images of about one grey level")
    blurry: Severity = Field("warn", description="images without a sharp edge")
    odd_aspect_ratio: Severity = Field(
        "warn", description="images much longer than wide, or the reverse"
    )
    odd_size: Severity = Field("warn", description="images much larger or smaller than the others")
    greyscale: Severity = Field("warn", description="few grey images in a set of colour images")
    not_servable: Severity = Field(
        "warn", description="files that the served model refuses or decodes to other pixels"
    )

    duplicates: Severity = Field("warn", description="copies of one file in one class and split")
    near_duplicates: Severity = Field("warn", description="near-duplicates in one class and split")
    label_conflicts: Severity = Field("quarantine", description="one file in several classes")
    near_label_conflicts: Severity = Field("warn", description="near-duplicates in several classes")
    split_leaks: Severity = Field("quarantine", description="one file in several splits")
    near_split_leaks: Severity = Field("warn", description="near-duplicates in several splits")
    span_copies: Severity = Field(
        "warn", description="copies and near-duplicates of images of an earlier span"
    )

    quarantined: SetSeverity = Field("warn", description="too many unusable files")
    small_classes: SetSeverity = Field("warn", description="classes with few training images")
    untested_classes: SetSeverity = Field("warn", description="classes without a test image")
    look_alikes: SetSeverity = Field(
        "warn", description="too many images that would count as near-duplicates"
    )
    stale_corrections: SetSeverity = Field(
        "warn", description="corrections of labels that no image matches any more"
    )
    value_range: SetSeverity = Field(
        "warn", description="scaling of more than 8 bits to 0–255 that is a guess or clips values"
    )
    class_imbalance: SetSeverity = Field("warn", description="classes of very different sizes")
    label_map: SetSeverity = Field("warn", description="new or lost classes since the last run")
    schema_anomalies: SetSeverity = Field(
        "block", description="metadata that violates the schema, as ExampleValidator reports it"
    )
    label_drift: SetSeverity = Field(
        "warn", description="shares of classes that change between spans"
    )
    measure_drift: SetSeverity = Field(
        "warn", description="image statistics that change between spans"
    )
    embedding_drift: SetSeverity = Field(
        "warn", description="embeddings by the served model that change between spans"
    )

    min_highlight: float = Field(
        0.2, ge=0, le=1, description="minimum 99th percentile of grey; below, it is too dark"
    )
    max_shadow: float = Field(
        0.95,
        ge=0,
        le=1,
        description="maximum 5th percentile of grey; above, an image is too bright",
    )
    min_contrast: float = Field(
        0.03, ge=0, le=0.5, description="minimum contrast: standard deviation of grey"
    )
    min_sharpness: float = Field(
        0.01,
        ge=0,
        description="minimum sharpness: mean square of the Laplacian over the variance of grey",
    )
    max_aspect_ratio: float = Field(
        3.0, ge=1, description="maximum ratio of the longer to the shorter side of an image"
    )
    max_size_factor: float = Field(
        10.0, gt=1, description="maximum factor between an image's side and the median side"
    )
    max_greyscale_fraction: float = Field(
        0.2, ge=0, le=1, description="maximum share of grey images that are still reported as odd"
    )
    max_quarantined_fraction: float = Field(
        0.2, ge=0, le=1, description="maximum share of unusable files"
    )
    min_train_images: int = Field(10, ge=1, description="minimum training images of every class")
    max_imbalance: float = Field(
        10.0, ge=1, description="maximum ratio of the largest to the smallest class"
    )
    max_label_drift: float = Field(
        0.02,
        ge=0,
        le=1,
        description="maximum Jensen–Shannon divergence of the classes between spans, in bits",
    )
    max_measure_drift: float = Field(
        0.2,
        ge=0,
        le=1,
        description="maximum Kolmogorov–Smirnov statistic of an image statistic between spans",
    )
    drift_significance: float = Field(
        0.01, gt=0, lt=1, description="significance level: chance of a false alarm of a drift check"
    )


class ValidateJob(BaseModel):
    """Input of the validation step: its settings and the paths it reads."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    config: ValidateConfig
    task: str = Field(task.DEFAULT, description="what the model learns")
    label_file: str = Field(description="label map frozen by the last run")
    serving_dir: str = Field(description="folder with the served versions of the model")
    state_dir: str = Field(description="folder of findings that stop a run")
