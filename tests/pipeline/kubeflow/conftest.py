"""The compiled pipeline, for several tests."""

from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.kubeflow import config
from pipeline.run import preflight
from pipeline.settings import setting_sources


def parsed(*flags: str) -> config.KubeflowRun:
    return setting_sources.read(config.KubeflowRun, flags, prog="p", usage="u", description="d")


@pytest.fixture
def compiled() -> Callable:
    """Compiles the pipeline for a folder of images."""
    pytest.importorskip("kfp.pipeline_spec", reason="the extra kubeflow is not installed")
    from pipeline.kubeflow import compiler

    def compile_package(data_dir: Path, output_dir: Path, *flags: str, recurring: bool = False):
        resolved = parsed("--data-dir", str(data_dir), "--output-dir", str(output_dir), *flags)
        preflight.prepare_output(resolved)
        inputs = preflight.check(resolved, data_dir)
        return compiler.compile_package(resolved, inputs, recurring)

    return compile_package
