"""One run of the Beam steps on each engine, made once a session."""

import contextlib
import json
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import tensorflow as tf
from tfx.components.evaluator.component import Evaluator
from tfx.dsl.components.common.importer import Importer
from tfx.orchestration import metadata
from tfx.orchestration.pipeline import Pipeline
from tfx.types import standard_artifacts

from components.evaluator import eval_config
from data.examples import example
from data.graph import decoding
from data.sources import digits
from pipeline.beam import beam_config, job_server
from pipeline.run import preflight, runner
from pipeline.settings import pipeline_config
from pipeline.wiring import dag, engine, release_steps

ROOT = Path(__file__).resolve().parent.parent.parent
CLASSES = 10


@dataclass(frozen=True)
class Run:
    """What the Beam steps of one engine left: step and output → where it lies."""

    settings: pipeline_config.PipelineConfig
    labels: list[str]
    steps: dict[str, runner.Step]

    def uri(self, step: str, output: str) -> str:
        return self.steps[step].uri(output)


class Silent:
    """A listener that has nothing to say."""

    def started(self, name: str) -> None: ...

    def ended(self, step: runner.Step) -> None: ...

    def failed(self, name: str, seconds: float) -> None: ...

    def retrying(self, name: str, reason: str) -> None: ...


class Classifier(tf.Module):
    """A served model with a fixed answer for each image, whatever batch it comes in."""

    def __init__(self) -> None:
        super().__init__()
        self.weights = tf.random.stateless_normal([12, CLASSES], seed=(1, 2))

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="examples")])
    def serve_examples(self, examples):
        encoded = example.parse(examples, [example.ENCODED])[example.ENCODED]
        pixels, _ = decoding.batch_pixels(encoded, 2, "stretch")
        inputs = tf.reshape(tf.cast(pixels, tf.float32) / 64, [-1, 12, 1])
        return {
            "probabilities": tf.nn.softmax(tf.reduce_sum(inputs * self.weights, 1)),
            "valid": tf.ones_like(encoded, tf.bool),
        }


@pytest.fixture(scope="session")
def images(tmp_path_factory) -> Path:
    """120 digits, two of them no images."""
    root = digits.export(tmp_path_factory.mktemp("clusters") / "digits", per_class=12)
    for name in ("3", "7"):
        (root / name / "bad.png").write_bytes(b"no image")
    return root


@pytest.fixture(scope="session")
def model(tmp_path_factory) -> Path:
    """A model artifact."""
    root = tmp_path_factory.mktemp("model")
    module = Classifier()
    tf.saved_model.save(
        module,
        str(root / "Format-Serving"),
        signatures={"serve_examples": module.serve_examples},
    )
    assets = root / "Format-Serving" / "assets"
    assets.mkdir(exist_ok=True)
    labels = [str(number) for number in range(CLASSES)]
    (assets / "contract.json").write_text(json.dumps({"labels": labels}))
    return root


@pytest.fixture(scope="session")
def worker_environment() -> Iterator[None]:
    """Workers are started as ``python`` from the PATH, and find the project."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", str(Path(sys.executable).parent), prepend=os.pathsep)
        patch.setenv("PYTHONPATH", str(ROOT), prepend=os.pathsep)
        yield


def beam_steps(settings: pipeline_config.PipelineConfig, model: Path, arguments: list[str]) -> Run:
    """Ingest, statistics, validation, preprocess, inference and TFMA, as a run has them."""
    preflight.prepare_output(settings)
    inputs = preflight.check(settings, settings.data_dir)
    ingest = dag.ingest_step(settings, inputs)
    validation = dag.validation_steps(settings, inputs, ingest.outputs["examples"])
    clean = validation[-1].outputs["clean_examples"]
    preprocess = dag.training_steps(settings, inputs, clean, engine.LOCAL)[0]
    importer = Importer(source_uri=str(model), artifact_type=standard_artifacts.Model)
    predict = release_steps.predict_step(settings, inputs, clean, importer.outputs["result"])
    evaluator = Evaluator(
        examples=predict.outputs["evaluated"],
        example_splits=["test"],
        eval_config=eval_config.build(settings.task, settings.evaluate, inputs.labels),
        module_path=eval_config.EXTRACTORS,
    )
    output = settings.output_dir.resolve()
    pipeline = Pipeline(
        pipeline_name="clusters",
        pipeline_root=str(output / "artifacts"),
        metadata_connection_config=metadata.sqlite_metadata_connection_config(
            str(output / "metadata.sqlite")
        ),
        components=[ingest, *validation, preprocess, importer, predict, evaluator],
        beam_pipeline_args=arguments,
    )
    steps: list[runner.Step] = []
    guard = runner.Guard(settings.run, output, lambda error: None)
    runner.run(pipeline, "1", steps, Silent(), guard)
    return Run(settings, inputs.labels, {step.name: step for step in steps})


@pytest.fixture(scope="session")
def on_engine(images, model, worker_environment, tmp_path_factory) -> Callable[..., Run]:
    """Runs the Beam steps on an engine; a second call for the same one runs nothing."""
    found: dict[tuple[str, ...], Run] = {}

    def run(*flags: str) -> Run:
        if flags not in found:
            output = tmp_path_factory.mktemp("run")
            common = ["--data-dir", str(images), "--output-dir", str(output)]
            small = ["--ingest.shard-bytes=4096", "--preprocess.size-px=32"]
            settings = pipeline_config.parse([*common, *small, *flags])
            skip_without(settings.beam)
            with contextlib.closing(
                job_server.JobServer(settings.beam, output / "job_server.log")
            ) as server:
                found[flags] = beam_steps(settings, model, server.arguments)
        return found[flags]

    return run


def skip_without(beam: beam_config.BeamConfig) -> None:
    """Skips the test where the engine cannot be had."""
    problems = beam.problems()
    if problems:
        pytest.skip(" ".join(problems))
