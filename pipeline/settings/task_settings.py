"""Settings that only some tasks use."""

from collections.abc import Mapping
from typing import Any

import pydantic

from components.image_validator import config as validate_config
from components.release_gate import config as gate_config
from components.report import config as report_config
from components.trainer import config as train_config
from data.augment import augment_config
from tasks import evaluate_config, task
from tasks.facets import judging


def unused(
    task_name: str,
    train: train_config.TrainConfig,
    checks: validate_config.ValidateConfig,
    evaluate: evaluate_config.EvaluateConfig,
    gate: gate_config.GateConfig,
    report: report_config.ReportConfig,
    augment: augment_config.AugmentConfig,
) -> list[str]:
    """Returns the settings that were changed though the run's task does not use them.

    One that has its default is no mistake: the saved configuration of a run names every setting.
    """
    own, every = task.load(task_name), [task.load(name) for name in task.names()]
    defaults = own.defaults
    all_changes = set(augment_config.AugmentConfig.model_fields)
    return [
        *_changed(
            "train",
            train,
            set(own.train_settings),
            {one for of in every for one in of.train_settings},
            defaults,
        ),
        *_changed(
            "augment", augment, all_changes if own.augments else set(), all_changes, defaults
        ),
        *_changed(
            "checks", checks, _checks(own), {one for of in every for one in _checks(of)}, defaults
        ),
        *judging.unused_settings(
            gate,
            evaluate,
            (own.figures, own.evidence),
            [(one.figures, one.evidence) for one in every],
        ),
        *_changed(
            "report",
            report,
            set(own.panels.settings),
            {one for of in every for one in of.panels.settings},
            defaults,
        ),
    ]


def with_defaults(given: dict[str, Any], defaults: Mapping[str, Any]) -> dict[str, Any]:
    """Returns settings with defaults of a task where nothing is set.

    Args:
      given: the settings, nested.
      defaults: "section.name" → value.
    """
    made = dict(given)
    for name, value in defaults.items():
        section, _, key = name.partition(".")
        inner = made.get(section, {})
        # A section that is a model already was made with all its values.
        if isinstance(inner, Mapping) and key not in inner:
            made[section] = {**inner, key: value}
    return made


def _checks(one: task.Task) -> set[str]:
    return set(one.checks.settings.model_fields)


def _changed(
    section: str,
    config: pydantic.BaseModel,
    own: set[str],
    every: set[str],
    defaults: Mapping[str, Any],
) -> list[str]:
    """Returns the settings of a section that the task does not use and that differ from its default."""
    fields: dict[str, Any] = type(config).model_fields

    def default(name: str) -> Any:
        usual = fields[name].get_default(call_default_factory=True)
        return defaults.get(f"{section}.{name}", usual)

    return [
        f"{section}.{name}"
        for name in sorted(every - own)
        if getattr(config, name) != default(name)
    ]
