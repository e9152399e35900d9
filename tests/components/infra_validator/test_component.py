"""Trial and push in a real pipeline, on the real server: a good model, and a truncated one."""

import shutil
from pathlib import Path

import pytest
import tensorflow as tf
from tensorflow_serving.apis import prediction_log_pb2
from tfx.types import standard_artifacts

from components.infra_validator import component, config, trial
from components.pusher import component as pusher_component
from components.pusher import config as push_config
from components.pusher import push
from components.release_gate import artifacts as gate_artifacts
from tests.components import real_pipeline
from tests.components.infra_validator.models import truncated
from tests.models import needs_server

pytestmark = pytest.mark.xdist_group("one server")


@pytest.fixture
def root(right, asked, tmp_path) -> Path:
    """Returns a good model, one with truncated weights, and the answers of the gate's server."""
    shutil.copytree(right.saved_model, tmp_path / "good" / "Format-Serving")
    truncated(right.saved_model, tmp_path / "bad" / "Format-Serving")
    (tmp_path / "decision").mkdir()
    asked.record.write(str(tmp_path / "decision"))
    return tmp_path


def run(root: Path, examples: Path, model: str) -> dict[str, dict]:
    """Runs the pipeline; gives the last properties of blessing and pushed model."""
    examples_given = real_pipeline.given_examples("examples", examples)
    model_given = real_pipeline.given("model", root / model, standard_artifacts.Model)
    decided = real_pipeline.given("decision", root / "decision", gate_artifacts.ReleaseDecision)
    validator = component.InfraValidator(
        model=model_given.outputs["result"],
        examples=examples_given.outputs["result"],
        settings=config.InfraJob(config=config.InfraConfig(tries=1), model_name="m"),
        code="",
        decision=decided.outputs["result"],
    )
    pusher = pusher_component.Pusher(
        serving_dir=str(root / "serving" / "m"),
        settings=push_config.PushConfig(),
        code="",
        infra_blessing=validator.outputs["blessing"],
    )
    steps = [examples_given, model_given, decided, validator, pusher]
    handler = real_pipeline.run(root, "infra", steps)
    return {kind: real_pipeline.last(handler, kind) for kind in ("InfraBlessing", "PushedModel")}


@pytest.mark.landing
@needs_server
def test_what_the_server_takes_is_pushed_and_what_it_does_not_is_not(root, examples, of_each_class):
    found = run(root, examples, "good")
    blessing, pushed = found["InfraBlessing"], found["PushedModel"]
    assert blessing["blessed"] == 1, blessing["reason"]
    assert blessing["reason"].endswith("Tried by ReleaseGate's server.")
    assert trial.Trial.read(blessing["uri"]).sentence == blessing["reason"]
    assert blessing["current_model"] == str(root / "good")
    assert pushed["pushed"] == 1
    version = Path(pushed["pushed_destination"])
    assert version == root / "serving" / "m" / pushed["pushed_version"]
    assert push.same(version, root / "good" / "Format-Serving")
    assert push.same(version, Path(pushed["uri"]))
    answers = tf.saved_model.load(str(version)).signatures["serving_default"]
    asked = []
    for row in tf.data.TFRecordDataset(str(version / push.WARM_UP_FILE)):
        log = prediction_log_pb2.PredictionLog.FromString(row.numpy())
        request = log.predict_log.request
        assert (request.model_spec.name, request.model_spec.signature_name) == (
            "m",
            "serving_default",
        )
        asked += request.inputs["image_bytes"].string_val
    assert answers(image_bytes=tf.constant(asked))["valid"].numpy().tolist() == [True] * 4
    assert not set(asked) & set(of_each_class.values())

    # The answers of the gate's server are of another model.
    found = run(root, examples, "bad")
    blessing, pushed = found["InfraBlessing"], found["PushedModel"]
    assert blessing["blessed"] == 0
    assert blessing["reason"].startswith("The server did not accept the model.")
    assert "Version 1 does not load" in blessing["reason"]
    assert trial.Trial.read(blessing["uri"]).tried_by == trial.OWN
    assert [path.name for path in Path(blessing["uri"]).iterdir() if "BLESSED" in path.name] == [
        "INFRA_NOT_BLESSED"
    ]
    assert pushed["pushed"] == 0
    assert [path.name for path in (root / "serving" / "m").iterdir() if path.name.isdecimal()] == [
        version.name
    ]

    found = run(root, examples, "good")
    assert found["InfraBlessing"]["blessed"] == 1
    assert found["PushedModel"] == {
        **found["PushedModel"],
        "pushed": 0,
        "pushed_version": version.name,
        "pushed_destination": str(version),
        "reason": f"The same model is served already, as version {version.name}.",
    }
