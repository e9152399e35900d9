"""The differences between the engines that run the pipeline.

These are how a run finds earlier models, and whether a model can be tried on a server.
"""

from typing import Protocol

from tfx.dsl.components.base.base_node import BaseNode
from tfx.dsl.components.common.resolver import Resolver
from tfx.types import channel, standard_artifacts

from components.evaluator import baseline_resolver
from components.infra_validator import config as infra_config
from components.infra_validator import trial
from components.trainer import warm_start_resolver

BASELINE = "baseline"
WARM_START = "start"


class Engine(Protocol):
    """An engine that runs the pipeline."""

    def start(self, pixels: channel.Channel) -> BaseNode:
        """Returns a node whose output ``model`` is the start of a training on ``pixels``."""

    def baseline(self, candidate: channel.Channel) -> BaseNode:
        """Returns a node whose output ``model`` is the one that ``candidate`` is compared with."""

    def left_out(self, config: infra_config.InfraConfig) -> str | None:
        """Returns why no model is tried on a server, in one sentence; None if one is."""

    def after_push(
        self, model: channel.Channel, gate: BaseNode, infra_validator: BaseNode | None
    ) -> list[BaseNode]:
        """Returns steps that the engine needs to find the model in later runs."""


class Local:
    """TFX's LocalDagRunner: earlier models are looked up in ML Metadata."""

    def start(self, pixels: channel.Channel) -> BaseNode:
        """See Engine."""
        return Resolver(
            strategy_class=warm_start_resolver.BlessedBeforeStrategy,
            pixels=pixels,
            **_earlier_models(),
        ).with_id(WARM_START)

    def baseline(self, candidate: channel.Channel) -> BaseNode:
        """See Engine."""
        return Resolver(
            strategy_class=baseline_resolver.LatestOtherBlessedModelStrategy,
            candidate=candidate,
            **_earlier_models(),
        ).with_id(BASELINE)

    def left_out(self, config: infra_config.InfraConfig) -> str | None:
        """See Engine."""
        return trial.left_out(config)

    def after_push(
        self, model: channel.Channel, gate: BaseNode, infra_validator: BaseNode | None
    ) -> list[BaseNode]:
        """See Engine."""
        return []


LOCAL = Local()


def _earlier_models() -> dict[str, channel.Channel]:
    """Returns all models of earlier runs, with what was decided about them."""
    return {
        "model": channel.Channel(type=standard_artifacts.Model),
        "model_blessing": channel.Channel(type=standard_artifacts.ModelBlessing),
        "infra_blessing": channel.Channel(type=standard_artifacts.InfraBlessing),
    }
