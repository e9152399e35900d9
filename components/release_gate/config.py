"""Settings of the release gate: the requirements that a model must meet to be pushed."""

from typing import TYPE_CHECKING, Annotated, Any, Literal, cast

from pydantic import BaseModel, ConfigDict, Field, create_model, model_validator

from components.trainer.exports import formats
from components.trainer.exports.formats import export_format
from tasks import evaluate_config, evidence_config, metric, task

DIFFERENCE = "maximum difference of a probability from the trained model, over all images"
AGREEMENT = "minimum share of images with the same label as from the trained model"


class ExportTolerance(BaseModel):
    """The allowed deviation of an export from the trained model, over all images compared."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    max_difference: float = Field(ge=0, le=1, description=DIFFERENCE)
    min_agreement: float = Field(ge=0, le=1, description=AGREEMENT)


def _tolerance(one: export_format.ExportFormat) -> tuple[Any, Any]:
    """The setting of a format's tolerance: its type, with the format's own defaults, and its field."""
    limits: dict[str, Any] = {
        name: (float, Field(getattr(one, name), ge=0, le=1, description=field.description))
        for name, field in ExportTolerance.model_fields.items()
    }
    own = create_model(
        f"Tolerance_{one.name}", __base__=ExportTolerance, __doc__=ExportTolerance.__doc__, **limits
    )
    return own, Field(default_factory=cast("Any", own))


class _ByFormat(BaseModel):
    """Of each format; a model with an export beyond its own is refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


if TYPE_CHECKING:
    ExportTolerances = _ByFormat
else:
    ExportTolerances = create_model(
        "ExportTolerances",
        __base__=_ByFormat,
        __doc__=_ByFormat.__doc__,
        **{one.name: _tolerance(one) for one in formats.ALL},
    )


def _limit(one: metric.Metric) -> tuple[Any, Any]:
    """Returns the type and the field of the setting that limits a metric."""
    range_of = {"ge": 0} if one.most is None else {"ge": 0, "le": one.most}
    what = f"{one.titled('k')}{' of every class' if one.by_class else ''}"
    description = f"{'minimum' if one.higher_is_better else 'maximum'} {what}"
    value = Annotated[float, Field(**range_of)]
    if one.automatic:
        return value | Literal["auto"], Field(
            evidence_config.AUTO,
            description=f"{description}; {evidence_config.AUTO}: {one.automatic_text}",
        )
    return value | None, Field(None, description=description)


def _limits() -> dict[str, Any]:
    """Returns the settings of all tasks' metrics; metrics of one name share a setting."""
    every: dict[str, metric.Metric] = {}
    for name in task.names():
        for one in task.load(name).figures.every:
            # One task's default limit is told, though it is no limit of another's metric.
            if one.automatic or one.setting not in every:
                every[one.setting] = one
    return {setting: _limit(one) for setting, one in every.items()}


if TYPE_CHECKING:
    _Limits = BaseModel
else:
    _Limits = create_model("_Limits", **_limits())


class GateConfig(evidence_config.EvidenceConfig, _Limits):
    """Limits of metrics on the test split, allowed losses against the served model, and budget."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    parity: bool = Field(
        True, description="compare the served model's answers with the trained one's"
    )
    ask_server: bool = Field(
        True,
        description="also start the model server for parity, where the extra serve is installed",
    )
    parity_tolerance: float = Field(
        1e-4, gt=0, le=1, description="maximum difference of a probability in the parity check"
    )
    exports: ExportTolerances = Field(default_factory=ExportTolerances)
    max_model_mib: float | None = Field(
        None, gt=0, description="maximum size of the SavedModel, without its exports"
    )
    max_latency_ms: float | None = Field(
        None,
        gt=0,
        description="maximum 99th percentile of the milliseconds to answer for one image, in a"
        " process without a server; infra.max_latency_ms limits the median on the model server",
    )
    max_memory_mib: float | None = Field(
        None, gt=0, description="maximum peak memory of a process that serves the model"
    )

    @model_validator(mode="after")
    def _measures_what_it_limits(self) -> "GateConfig":
        names = ("max_model_mib", "max_latency_ms", "max_memory_mib")
        limited = [f"gate.{name}" for name in names if getattr(self, name) is not None]
        if limited and not self.parity:
            raise ValueError(
                f"{', '.join(limited)} needs the parity check, which measures it; set"
                " gate.parity to true, or leave the limit out"
            )
        return self


class TrialQuestions(BaseModel):
    """The requests of a trial on a server, from the settings of ``infra``."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    requests: int = Field(description="timed requests of one image")
    request_limit_s: float = Field(description="time limit to answer a request")


class GateJob(BaseModel):
    """The settings of the ReleaseGate step."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    config: GateConfig
    evaluate: evaluate_config.EvaluateConfig = Field(
        default_factory=evaluate_config.EvaluateConfig, description="the metrics' settings"
    )
    model_name: str = Field(description="name of the served model")
    cache_dir: str = Field(description="folder with the answers of the latest models")
    trial: TrialQuestions | None = Field(
        None, description="requests of InfraValidator to send to the server, if one is started"
    )
