"""The TFX adapter for Kubeflow's differences: earlier models, and the trial on a server."""

from pathlib import Path

from tfx.dsl.components.base.base_node import BaseNode
from tfx.types import channel

from components.infra_validator import config as infra_config
from pipeline.kubeflow import component
from pipeline.kubeflow import config as kubeflow_config
from pipeline.wiring import engine as engines


class Kubeflow:
    """An engine of containers that share a volume, on which earlier models are looked up."""

    def __init__(self, settings: kubeflow_config.KubeflowConfig, released_dir: Path) -> None:
        self._infra = settings.infra
        self._released = {"released_dir": str(released_dir)}

    def start(self, pixels: channel.Channel) -> BaseNode:
        """See pipeline/wiring/engine.py."""
        return component.EarlierModel(pixels=pixels, **self._released).with_id(engines.WARM_START)

    def baseline(self, candidate: channel.Channel) -> BaseNode:
        """See pipeline/wiring/engine.py."""
        return component.EarlierModel(candidate=candidate, **self._released).with_id(
            engines.BASELINE
        )

    def left_out(self, config: infra_config.InfraConfig) -> str | None:
        """See pipeline/wiring/engine.py. The server is in the image, not on this machine."""
        off = "infra.enabled is false" if not config.enabled else "kubeflow.infra is none"
        if config.enabled and self._infra == "in_container":
            return None
        return f"No model is tried on a server before the push: {off}."

    def after_push(
        self, model: channel.Channel, gate: BaseNode, infra_validator: BaseNode | None
    ) -> list[BaseNode]:
        """See pipeline/wiring/engine.py."""
        trial = {"infra_blessing": infra_validator.outputs["blessing"]} if infra_validator else {}
        blessing = gate.outputs["blessing"]
        return [component.KeepModel(model=model, blessing=blessing, **trial, **self._released)]
