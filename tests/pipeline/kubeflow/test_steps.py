"""Every driver and executor command of the package, from ingest to push, without a cluster."""

import json

import pytest
import yaml

from pipeline.kubeflow import spec
from pipeline.wiring import code_fingerprint

pytest.importorskip("kfp.pipeline_spec", reason="the extra kubeflow is not installed")
SETTINGS = {
    "train": {"backbone": "cnn", "weights": "random", "scratch_epochs": 1},
    "preprocess": {"size_px": 32},
    "gate": {"ask_server": False, "min_accuracy": 0, "inconclusive": "release"},
}


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_every_command_from_ingest_to_push(compiled, digits_dir, tmp_path):
    from tests.pipeline.kubeflow.local_executor import LocalExecutor

    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(yaml.safe_dump(SETTINGS))
    flags = (f"--config={recipe}", f"--kubeflow.project-dir={code_fingerprint.ROOT}")
    package = compiled(digits_dir, tmp_path / "out", *flags)
    document = next(yaml.safe_load_all(spec.to_yaml(package.documents)))
    run = LocalExecutor(document, tmp_path / "run", code_fingerprint.ROOT)
    order = run.order()
    for task in order:
        run.run(task)

    commands = [task for task, module in run.ran if module.endswith("kubeflow.entrypoint")]
    assert commands == order
    assert (
        "ImageFolderExampleGen",
        "tfx.orchestration.kubeflow.v2.file_based_example_gen.driver",
    ) in run.ran
    # The first run has no earlier model, the next one has this run's.
    assert run.metadata("baseline", "model")["absent"] == 1
    assert run.metadata("ReleaseGate", "blessing")["blessed"] == 1
    assert run.metadata("InfraValidator", "blessing")["blessed"] == 1, run.metadata(
        "InfraValidator", "blessing"
    )
    assert (run.folder("Report", "report") / "report.html").stat().st_size > 10_000
    run.run("start")
    assert "absent" not in run.metadata("start", "model")
    assert (run.folder("start", "model") / "model.keras").is_file()
    run.run("baseline")
    assert run.metadata("baseline", "model")["absent"] == 1  # the candidate is no baseline
    _answers(tmp_path / "out" / "serving" / "digits", digits_dir)

    # Open-source Kubeflow runs no drivers: the entry point does.
    first = run.metadata("ImageFolderExampleGen", "examples")
    run.heeds_driver = False
    before = len(run.ran)
    run.run("ImageFolderExampleGen")
    assert len(run.ran) == before + 1
    again = run.metadata("ImageFolderExampleGen", "examples")
    assert again == first
    assert again["custom:span"] == 0
    assert "num_files:" in again["input_fingerprint"]


def _answers(serving_dir, digits_dir):
    import tensorflow as tf

    version = max(path for path in serving_dir.iterdir() if path.name.isdigit())
    served = tf.saved_model.load(str(version)).signatures["serving_default"]
    encoded = next((digits_dir / "7").iterdir()).read_bytes()
    outputs = served(image_bytes=tf.constant([encoded]))
    contract = json.loads((version / "assets" / "contract.json").read_text())
    assert outputs["probabilities"].shape == (1, 10)
    assert outputs["label"].numpy()[0].decode() in contract["labels"]
