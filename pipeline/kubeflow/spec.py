"""Adds to a compiled pipeline what a real cluster needs.

These are retries, the caching setting, a volume, and paths as the containers see them. A spec is
the PipelineSpec of Kubeflow Pipelines (schema 2.1.0) as a dict.
"""

import re
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import yaml

from data import errors
from pipeline.kubeflow import config as kubeflow_config

_MAX_RETRY_WAIT_S = 3600


class Volume:
    """A volume claim that every step mounts.

    Args:
      text: ``CLAIM:MOUNT`` or ``CLAIM:MOUNT:HERE``.

    Attributes:
      claim: the name of the PersistentVolumeClaim.
      mount: its path in the steps.
      here: its path on this machine.
    """

    def __init__(self, text: str) -> None:
        self.claim, mount, *here = text.split(":")
        self.mount = mount.rstrip("/")
        self.here = Path(here[0] if here else mount).resolve()

    def check(self, **folders: Path) -> None:
        """Checks that folders lie on the volume.

        Args:
          **folders: setting name → folder.

        Raises:
          errors.ConfigError: some do not.
        """
        outside = [
            f"{name} is {folder}, which is not on the volume: the steps see {self.here} of this"
            f" machine as {self.mount} (kubeflow.volume)."
            for name, folder in folders.items()
            if not folder.resolve().is_relative_to(self.here)
        ]
        if outside:
            raise errors.ConfigError(*outside)


def mend(
    spec: Mapping[str, Any],
    settings: kubeflow_config.KubeflowConfig,
    moved: Mapping[str, str],
    uncached: Collection[str] = (),
) -> dict[str, Any]:
    """Returns a spec with everything that the compiler cannot express.

    Args:
      spec: the compiled pipeline.
      settings: retries, caching, the pipeline root.
      moved: folder on this machine → the same in a container.
      uncached: tasks that are never cached.
    """
    mended: dict[str, Any] = _relocate(spec, moved)
    mended["defaultPipelineRoot"] = settings.pipeline_root
    for name, task in mended["root"]["dag"]["tasks"].items():
        if settings.retries:
            task["retryPolicy"] = {
                "maxRetryCount": settings.retries,
                "backoffDuration": f"{settings.retry_wait_s}s",
                "backoffFactor": 2,
                "backoffMaxDuration": f"{_MAX_RETRY_WAIT_S}s",
            }
        if not settings.cache or name in uncached:
            task.pop("cachingOptions", None)
    return mended


def platform(spec: Mapping[str, Any], volume: Volume) -> dict[str, Any]:
    """Returns the second document of a package: the part for Kubernetes.

    Args:
      spec: the pipeline.
      volume: mounted in every step.
    """
    mount = {
        "mountPath": volume.mount,
        "constant": volume.claim,
        "pvcNameParameter": {"runtimeValue": {"constant": volume.claim}},
    }
    executors = {name: {"pvcMount": [mount]} for name in spec["deploymentSpec"]["executors"]}
    return {"platforms": {"kubernetes": {"deploymentSpec": {"executors": executors}}}}


class _Plain(yaml.SafeDumper):
    """Writes no aliases: they are legal YAML, but not every reader of a package accepts them."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def to_yaml(documents: list[dict[str, Any]]) -> str:
    """Returns the text of a package, deterministically."""
    return yaml.dump_all(documents, Dumper=_Plain, sort_keys=True, allow_unicode=True, width=100)


def _relocate(value: Any, moved: Mapping[str, str]) -> Any:
    """Replaces folders in all strings, also in nested JSON, wherever a path begins."""
    if isinstance(value, Mapping):
        return {key: _relocate(item, moved) for key, item in value.items()}
    if isinstance(value, list):
        return [_relocate(item, moved) for item in value]
    if not isinstance(value, str):
        return value
    # The deepest first, since one may lie in another.
    for here, there in sorted(moved.items(), key=lambda pair: -len(pair[0])):
        pattern = rf"(?<![\w/.-]){re.escape(here)}(?=[/\"'\\\s,:]|$)"
        value = re.sub(pattern, there.replace("\\", r"\\"), value)
    return value
