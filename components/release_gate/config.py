"""The settings of the release gate: what a model must reach to be pushed."""

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, create_model, model_validator

from components.evaluator import config as evaluate_config
from components.evaluator import metric, registry
from components.trainer.exports import formats
from components.trainer.exports.formats import export_format

AUTO = "auto"
DIFFERENCE = "of a probability, the largest over all images"
AGREEMENT = "share of images with the same label"


class ExportTolerance(BaseModel):
    """How far an export may be from the trained model, over all images it is asked about."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    max_difference: float = Field(0.02, ge=0, le=1, description=DIFFERENCE)
    min_agreement: float = Field(0.98, ge=0, le=1, description=AGREEMENT)


def _tolerance(one: export_format.ExportFormat) -> tuple[Any, Any]:
    """The setting of a format's tolerance: its type, with the format's own defaults, and its field."""
    limits: dict[str, Any] = {
        name: (float, Field(getattr(one, name), ge=0, le=1, description=field.description))
        for name, field in ExportTolerance.model_fields.items()
    }
    own = create_model(f"Tolerance_{one.name}", __base__=ExportTolerance, **limits)
    return own, Field(default_factory=own)


class _ByFormat(BaseModel):
    """Of each format; a model with an export beyond its own is refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


if TYPE_CHECKING:
    ExportTolerances = _ByFormat
else:
    ExportTolerances = create_model(
        "ExportTolerances",
        __base__=_ByFormat,
        **{one.name: _tolerance(one) for one in formats.ALL},
    )


def _limit(one: metric.Metric) -> tuple[Any, Any]:
    """The setting of what a metric must reach: its type and its field."""
    range_of = {"ge": 0} if one.most is None else {"ge": 0, "le": one.most}
    what = f"{one.titled('k')}{' of every class' if one.by_class else ''}"
    told = f"{what} to {'reach' if one.higher_is_better else 'stay at or below'}"
    value = Annotated[float, Field(**range_of)]
    if one.automatic:
        return value | Literal["auto"], Field(
            AUTO, description=f"{told}; {AUTO}: {one.automatic_text}"
        )
    return value | None, Field(None, description=told)


if TYPE_CHECKING:
    _Limits = BaseModel
else:
    _Limits = create_model("_Limits", **{one.setting: _limit(one) for one in registry.every()})


class GateConfig(_Limits):
    """Limits of every metric on the test split, how much may be lost against the served model, costs."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    min_support: int = Field(
        10, ge=0, description="test images of a class below which it has no limits of its own"
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

    def limit(self, one: metric.Metric, class_count: int) -> float | None:
        """What a metric must reach, with ``class_count`` classes; None: nothing."""
        asked: float | str | None = getattr(self, one.setting)
        if isinstance(asked, str):
            return one.automatic(class_count) if one.automatic else None
        return asked


class TrialQuestions(BaseModel):
    """What is asked when a model is tried on a server: settings of ``infra``, see there."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    requests: int = Field(description="of one image each")
    request_limit_s: float = Field(description="to answer one of them")


class GateJob(BaseModel):
    """All that the release gate is told."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    config: GateConfig
    evaluate: evaluate_config.EvaluateConfig = Field(
        default_factory=evaluate_config.EvaluateConfig, description="what is measured, and how"
    )
    model_name: str = Field(description="as it is served")
    cache_dir: str = Field(description="folder with the answers of the latest models")
    trial: TrialQuestions | None = Field(
        None, description="what InfraValidator will want to know of a server, if one is started"
    )
