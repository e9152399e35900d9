"""The settings of the release gate: what a model must reach to be pushed."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

MOST_AUTOMATIC_FLOOR = 0.7
DIFFERENCE = "of a probability, the largest over all images"
AGREEMENT = "share of images with the same label"


class ExportTolerance(BaseModel):
    """How far an export may be from the trained model, over all images it is asked about."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    max_difference: float = Field(0.02, ge=0, le=1, description=DIFFERENCE)
    min_agreement: float = Field(0.98, ge=0, le=1, description=AGREEMENT)


class Int8Tolerance(ExportTolerance):
    """Of what computes in steps of 1/256: an image between two classes may well tip over."""

    max_difference: float = Field(0.6, ge=0, le=1, description=DIFFERENCE)
    min_agreement: float = Field(0.85, ge=0, le=1, description=AGREEMENT)


class OnnxTolerance(ExportTolerance):
    """Of what computes as TensorFlow does."""

    max_difference: float = Field(0.001, ge=0, le=1, description=DIFFERENCE)
    min_agreement: float = Field(0.99, ge=0, le=1, description=AGREEMENT)


class ExportTolerances(BaseModel):
    """Of each format; a model with an export beyond its own is refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    tflite_float16: ExportTolerance = Field(default_factory=ExportTolerance)
    tflite_int8: Int8Tolerance = Field(default_factory=Int8Tolerance)
    onnx: OnnxTolerance = Field(default_factory=OnnxTolerance)


class GateConfig(BaseModel):
    """Floors on the test split, how much may be lost against the served model, and limits."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    min_accuracy: Annotated[float, Field(ge=0, le=1)] | Literal["auto"] = Field(
        "auto", description="accuracy to reach; auto: twice that of guessing, at most 0.7"
    )
    min_precision: float | None = Field(None, ge=0, le=1, description="of every class")
    min_recall: float | None = Field(None, ge=0, le=1, description="of every class")
    min_support: int = Field(
        10, ge=0, description="test images of a class below which it has no floors of its own"
    )
    max_accuracy_drop: float = Field(
        0.05, ge=0, le=1, description="below the served model's, on the same images"
    )
    max_recall_drop: float = Field(0.1, ge=0, le=1, description="likewise, of every class")
    confidence: float = Field(
        0.95, gt=0.5, lt=1, description="that a refused loss is real, and a released one allowed"
    )
    method: Literal["mcnemar", "bootstrap"] = Field(
        "mcnemar", description="how chance is told from a loss; mcnemar also fits few images"
    )
    bootstrap_samples: int = Field(10_000, ge=1000, description="where that is the method")
    inconclusive: Literal["refuse", "release"] = Field(
        "refuse", description="what is done when there are too few test images to tell"
    )
    parity: bool = Field(True, description="compare what is served with what was trained")
    ask_server: bool = Field(
        True, description="in that, start the model server too, where the extra serve is installed"
    )
    parity_tolerance: float = Field(1e-4, gt=0, le=1, description="of a probability")
    exports: ExportTolerances = Field(default_factory=ExportTolerances)
    max_model_mib: float | None = Field(
        None, gt=0, description="size of the SavedModel, without its exports"
    )
    max_latency_ms: float | None = Field(None, gt=0, description="to answer for one image")
    max_memory_mib: float | None = Field(None, gt=0, description="of a process that serves it")

    @model_validator(mode="after")
    def _measures_what_it_limits(self) -> "GateConfig":
        names = ("max_model_mib", "max_latency_ms", "max_memory_mib")
        limited = [f"gate.{name}" for name in names if getattr(self, name) is not None]
        if limited and not self.parity:
            raise ValueError(
                f"what {', '.join(limited)} limits is measured together with parity; set"
                " gate.parity to true, or leave the limits out"
            )
        return self

    def accuracy_floor(self, class_count: int) -> float:
        """The accuracy to reach with ``class_count`` classes, in 0–1."""
        if self.min_accuracy == "auto":
            return min(MOST_AUTOMATIC_FLOOR, 2 / class_count)
        return self.min_accuracy


class GateJob(BaseModel):
    """All that the release gate is told."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    config: GateConfig
    model_name: str = Field(description="as it is served")
    cache_dir: str = Field(description="folder with the answers of the latest models")
