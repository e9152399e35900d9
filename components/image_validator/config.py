"""The settings of the validation of a set of images: for each check a severity, and the bounds."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

# "quarantine" takes the images out of what goes on; "block" stops the run before training.
Severity = Literal["ignore", "warn", "quarantine", "block"]
Consequence = Literal["warn", "quarantine", "block"]  # of what was found and is not ignored
SetSeverity = Literal["ignore", "warn", "block"]


class ValidateConfig(BaseModel):
    """What is looked for in the images, and what is done about it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    blank: Severity = Field("warn", description="an image of a single colour")
    too_dark: Severity = Field("warn", description="nothing in the image is bright")
    too_bright: Severity = Field("warn", description="nothing in the image is dark")
    low_contrast: Severity = Field("warn", description="all of the image is of about one grey")
    blurry: Severity = Field("warn", description="no edge in the image is sharp")
    odd_aspect_ratio: Severity = Field("warn", description="far longer than wide, or the reverse")
    odd_size: Severity = Field("warn", description="far larger or smaller than the others")
    greyscale: Severity = Field("warn", description="one of few grey images among coloured ones")
    not_servable: Severity = Field(
        "warn", description="the served model refuses the file or sees other pixels in it"
    )

    duplicates: Severity = Field("warn", description="copies of one file in one class and split")
    near_duplicates: Severity = Field("warn", description="nearly the same image, likewise")
    label_conflicts: Severity = Field("quarantine", description="one file in several classes")
    near_label_conflicts: Severity = Field("warn", description="nearly one image in several")
    split_leaks: Severity = Field("quarantine", description="one file in several splits")
    near_split_leaks: Severity = Field("warn", description="nearly one image in several splits")
    span_copies: Severity = Field("warn", description="a new image that an earlier span has")

    quarantined: SetSeverity = Field("warn", description="too many files could not be read")
    small_classes: SetSeverity = Field("warn", description="a class has few images to train on")
    untested_classes: SetSeverity = Field("warn", description="a class has no test image")
    look_alikes: SetSeverity = Field("warn", description="unlike images look like near copies")
    value_range: SetSeverity = Field(
        "warn", description="how values of more than 8 bits became 0–255 is guessed, or clips some"
    )
    class_imbalance: SetSeverity = Field("warn", description="some class outnumbers another")
    label_map: SetSeverity = Field("warn", description="classes came or went since the last run")
    schema_anomalies: SetSeverity = Field(
        "block", description="metadata that breaks the schema, as ExampleValidator finds it"
    )
    label_drift: SetSeverity = Field("warn", description="a span's shares of classes are others")
    measure_drift: SetSeverity = Field("warn", description="a span's images look otherwise")
    embedding_drift: SetSeverity = Field(
        "warn", description="a span's images are others to the model in serving"
    )

    min_highlight: float = Field(0.2, ge=0, le=1, description="of the 99th percentile of grey")
    max_shadow: float = Field(0.95, ge=0, le=1, description="of the 5th percentile of grey")
    min_contrast: float = Field(0.03, ge=0, le=0.5, description="standard deviation of grey")
    min_sharpness: float = Field(
        0.01, ge=0, description="mean square of the Laplacian over the variance"
    )
    max_aspect_ratio: float = Field(3.0, ge=1, description="longer side over shorter side")
    max_size_factor: float = Field(10.0, gt=1, description="of a side to the median side")
    max_greyscale_fraction: float = Field(
        0.2, ge=0, le=1, description="share above which grey images are no oddity"
    )
    max_quarantined_fraction: float = Field(
        0.2, ge=0, le=1, description="share of files in quarantine above which it is too many"
    )
    min_train_images: int = Field(10, ge=1, description="images of a class that are enough")
    max_imbalance: float = Field(10.0, ge=1, description="largest class over smallest class")
    max_label_drift: float = Field(
        0.02, ge=0, le=1, description="Jensen–Shannon divergence in bits"
    )
    max_measure_drift: float = Field(0.2, ge=0, le=1, description="Kolmogorov–Smirnov statistic")
    drift_significance: float = Field(
        0.01, gt=0, lt=1, description="chance of a false alarm in a test of drift"
    )


class ValidateJob(BaseModel):
    """All that the validation step is told: the settings and where to look things up."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    config: ValidateConfig
    label_file: str = Field(description="the label map frozen by the last run")
    serving_dir: str = Field(description="the versions of the model in serving")
    state_dir: str = Field(description="where findings are kept that stop a run")
