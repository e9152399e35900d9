"""The component in a real pipeline: a first release, a worse model, and one that is as good."""

import json
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from tfx.dsl.components.common import resolver
from tfx.dsl.input_resolution.strategies import latest_blessed_model_strategy
from tfx.types import channel, standard_artifacts

from components.predict import config as predict_config
from components.predict.component import Predict
from components.preprocess import materialise
from components.pusher import config as push_config
from components.pusher.component import Pusher
from components.release_gate import component, config, decision
from data.examples import example, examples_artifact, ingest_report, records
from data.splits import labels
from tasks.classification import answers as predictions
from tests.components import real_pipeline
from tests.tasks.classification.answered import DIGITS, TRAIN


class Linear(tf.Module):
    """A served classifier of records whose encoded image is 64 pixels in 0–16."""

    def __init__(self, model) -> None:
        super().__init__()
        self.kernel = tf.constant(model.coef_.T, tf.float32)
        self.bias = tf.constant(model.intercept_, tf.float32)

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="examples")])
    def serve_examples(self, examples):
        encoded = tf.io.parse_example(
            examples, {example.ENCODED: tf.io.FixedLenFeature([], tf.string)}
        )[example.ENCODED]
        pixels = tf.reshape(tf.io.decode_raw(encoded, tf.uint8), [-1, 64])
        logits = tf.cast(pixels, tf.float32) / 16 @ self.kernel + self.bias
        return {
            "probabilities": tf.nn.softmax(logits),
            "valid": tf.ones_like(encoded, tf.bool),
        }


def export(model, uri: Path) -> None:
    module = Linear(model)
    folder = uri / "Format-Serving"
    tf.saved_model.save(module, str(folder), signatures={"serve_examples": module.serve_examples})
    (folder / "assets").mkdir(exist_ok=True)
    (folder / "assets" / "contract.json").write_text(json.dumps({"labels": DIGITS}))


def record(pixels: np.ndarray, label_id: int, path: str) -> bytes:
    made = tf.train.Example()
    features = made.features.feature
    features[example.ENCODED].bytes_list.value.append((pixels * 16).astype(np.uint8).tobytes())
    features[example.FILENAME].bytes_list.value.append(path.encode())
    features[example.CLASS_TEXT].bytes_list.value.append(DIGITS[label_id].encode())
    features[example.SHA256].bytes_list.value.append(b"")
    features[example.CLASS_LABEL].int64_list.value.append(label_id)
    features[example.SPAN].int64_list.value.append(example.NO_SPAN)
    return made.SerializeToString()


@pytest.fixture(scope="module")
def root(digits, tmp_path_factory) -> Path:
    """Test images, and models of all digits, of few eights, and of nearly all images."""
    root = tmp_path_factory.mktemp("gate")
    made = [
        record(digits.images[row], digits.label_ids[row], f"{row:04d}.png") for row in digits.test
    ]
    for shard in range(2):
        path = examples_artifact.shard_path(str(root / "examples"), "test", shard, 2)
        records.write(str(path), made[shard::2])
    (root / "examples" / examples_artifact.LABELS_FILE).write_text(labels.to_json(DIGITS))
    found = ingest_report.Report(examples={"test": {"0": len(made)}})
    examples_artifact.write_report(str(root / "examples"), found)
    (root / "pixels").mkdir()
    spec = materialise.Spec(8, "stretch", DIGITS, {})
    (root / "pixels" / materialise.SPEC_FILE).write_text(spec.to_json())
    eights = np.flatnonzero(digits.label_ids[:TRAIN] == 8)
    export(digits.fit(np.arange(TRAIN)), root / "good")
    export(digits.fit(np.setdiff1d(np.arange(TRAIN), eights[20:])), root / "worse")
    export(digits.fit(np.arange(20, TRAIN)), root / "equal")
    return root


def run(root: Path, model: str) -> None:
    # These models have no Keras file to be compared with.
    answers = str(root / "answers")
    settings = config.GateJob(
        config=config.GateConfig(parity=False), model_name="m", cache_dir=answers
    )
    examples = real_pipeline.given_examples("examples", root / "examples")
    candidate = real_pipeline.given("model", root / model, standard_artifacts.Model)
    pixels = real_pipeline.given("pixels", root / "pixels", standard_artifacts.Examples)
    baseline = resolver.Resolver(
        strategy_class=latest_blessed_model_strategy.LatestBlessedModelStrategy,
        model=channel.Channel(type=standard_artifacts.Model),
        model_blessing=channel.Channel(type=standard_artifacts.ModelBlessing),
    ).with_id("baseline")
    predict = Predict(
        examples=examples.outputs["result"],
        model=candidate.outputs["result"],
        settings=predict_config.PredictJob(cache_dir=answers).model_dump_json(),
        code="",
    )
    release_gate = component.ReleaseGate(
        examples=examples.outputs["result"],
        model=candidate.outputs["result"],
        pixels=pixels.outputs["result"],
        predictions=predict.outputs["predictions"],
        baseline_model=baseline.outputs["model"],
        settings=settings.model_dump_json(),
        code="",
    )
    pusher = Pusher(
        serving_dir=str(root / "serving"),
        settings=push_config.PushConfig(),
        code="",
        model=candidate.outputs["result"],
        model_blessing=release_gate.outputs["blessing"],
    )
    steps = [examples, candidate, pixels, predict, baseline, release_gate, pusher]
    real_pipeline.run(root, "gate", steps, "--runner=FnApiRunner")


def last(root: Path, output: str, step: str = "ReleaseGate") -> Path:
    found = (root / "artifacts" / step / output).iterdir()
    return max(found, key=lambda path: int(path.name))


def test_releases_and_refusals_through_stock_resolver_and_the_pusher(root, digits, served):
    run(root, "good")
    first = decision.Decision.read(str(last(root, "decision")))
    assert first.blessed
    assert [check.name for check in first.checks] == ["accuracy_floor"]
    found = predictions.Predictions.read(str(last(root, "predictions", "Predict")), "test")
    order = np.argsort(found.paths)
    np.testing.assert_allclose(found.probabilities[order], served.probabilities, atol=1e-5)
    assert len(list((root / "serving").glob("[0-9]*"))) == 1

    run(root, "worse")
    second = decision.Decision.read(str(last(root, "decision")))
    assert (second.verdict, second.blessed) == ("refuse", False)
    assert second.reasons[0].startswith("Recall of '8' fell from ")
    assert [path.name for path in last(root, "blessing").iterdir()] == ["NOT_BLESSED"]
    assert len(list((root / "serving").glob("[0-9]*"))) == 1

    run(root, "equal")
    third = decision.Decision.read(str(last(root, "decision")))
    assert third.verdict == "release"
    assert [path.name for path in last(root, "blessing").iterdir()] == ["BLESSED"]
    compared = {check.name: check.figures for check in third.checks}["accuracy_against_served"]
    right = predictions.Predictions.read(str(last(root, "predictions", "Predict")), "test").correct
    assert compared["served_rate"] == pytest.approx(served.correct.mean())
    assert compared["candidate_rate"] == pytest.approx(right.mean())
    assert len(list((root / "serving").glob("[0-9]*"))) == 2
