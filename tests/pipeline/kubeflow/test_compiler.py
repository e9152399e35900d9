"""The package against a golden file, its protos, and what a setting changes in it."""

import os
import re
import shutil
from pathlib import Path

import pytest
import yaml
from google.protobuf import json_format

from data import errors
from pipeline.kubeflow import entrypoint, spec
from pipeline.wiring import code_fingerprint
from tests.data import manifests

pipeline_spec_pb2 = pytest.importorskip(
    "kfp.pipeline_spec.pipeline_spec_pb2", reason="the extra kubeflow is not installed"
)
GOLDEN = Path(__file__).parent / "golden.yaml"


@pytest.fixture
def package(compiled, class_folders, tmp_path, monkeypatch):
    """Compiles with names of folders for the hashes of the code in them, which change daily."""
    monkeypatch.setattr(
        code_fingerprint, "fingerprint", lambda *folders: f"code of {' '.join(folders)}"
    )
    monkeypatch.setattr(
        "data.splits.folder.Listing.fingerprint", lambda self: "the listing of the data folder"
    )

    def compile_package(*flags, **options):
        volume = f"--kubeflow.volume=images:/mnt/images:{tmp_path}"
        return compiled(class_folders, tmp_path / "out", volume, *flags, **options)

    return compile_package


def tasks(package):
    return package.documents[0]["root"]["dag"]["tasks"]


def executors(package):
    found = package.documents[0]["deploymentSpec"]["executors"]
    return {name.removesuffix("_executor"): row["container"] for name, row in found.items()}


def test_the_package_is_the_golden_one(package):
    """To take over a change that is meant: KUBEFLOW_GOLDEN=1 python -m pytest THIS_FILE."""
    text = spec.to_yaml(package("--kubeflow.image=registry.example.com/image:1").documents)
    if os.environ.get("KUBEFLOW_GOLDEN"):
        GOLDEN.write_text(text, encoding="utf-8")
    found, golden = (list(yaml.safe_load_all(part)) for part in (text, GOLDEN.read_text()))
    version = found[0].pop("sdkVersion"), golden[0].pop("sdkVersion")
    assert all(name.startswith("tfx-") for name in version)
    assert found == golden


def test_it_parses_into_the_pipeline_spec_proto(package):
    pipeline, platform = package().documents
    message = json_format.ParseDict(pipeline, pipeline_spec_pb2.PipelineSpec())
    assert message.pipeline_info.name == "images"
    deployed = json_format.ParseDict(
        pipeline["deploymentSpec"], pipeline_spec_pb2.PipelineDeploymentConfig()
    )
    assert all(row.container.image for row in deployed.executors.values())
    json_format.ParseDict(platform, pipeline_spec_pb2.PlatformSpec())


def test_nothing_of_this_machine_is_left_in_it(package, tmp_path):
    text = spec.to_yaml(package().documents)
    assert str(tmp_path) not in text
    assert str(code_fingerprint.ROOT) not in text
    assert "--setup_file=/app/setup.py" in text
    assert "/mnt/images/out/serving/images" in text


def test_trainer_gets_the_gpu_and_others_what_they_need(package):
    flags = ("--kubeflow.trainer.gpus=2", "--kubeflow.trainer.memory-gb=16", "--tune.trials=3")
    containers = executors(package(*flags, "--kubeflow.steps.cpus=1.5"))
    for name in ("Trainer", "Tuner"):
        assert containers[name]["resources"] == {
            "accelerator": {"type": "nvidia.com/gpu", "count": "2"},
            "memoryLimit": 16.0,
        }
    assert containers["Preprocess"]["resources"] == {"cpuLimit": 1.5}


def test_retries_and_caching(package):
    for task in tasks(package("--kubeflow.retries=3", "--kubeflow.retry-wait-s=5")).values():
        assert task["retryPolicy"]["maxRetryCount"] == 3
        assert task["retryPolicy"]["backoffDuration"] == "5s"
        assert task["cachingOptions"] == {"enableCache": True}
    for task in tasks(package("--kubeflow.retries=0", "--kubeflow.cache=false")).values():
        assert "retryPolicy" not in task
        assert "cachingOptions" not in task


def test_a_recurring_run_looks_at_the_data_each_time(package):
    found = tasks(package(recurring=True))
    uncached = {name for name, task in found.items() if "cachingOptions" not in task}
    assert uncached == {"ImageFolderExampleGen"}


@pytest.mark.parametrize("flag", ["--kubeflow.infra=none", "--infra.enabled=false"])
def test_the_trial_is_left_out_only_when_asked_and_never_silently(package, flag):
    kept = package()
    assert "InfraValidator" in tasks(kept)
    assert any("InfraValidator" in note for note in kept.notes)
    dropped = package(flag)
    assert "InfraValidator" not in tasks(dropped)
    assert any(note.startswith("No model is tried on a server") for note in dropped.notes)
    artifacts = tasks(dropped)["Pusher"]["inputs"]["artifacts"]
    assert "infra_blessing" not in artifacts


def test_steps_stand_in_for_resolvers(package):
    found = tasks(package())
    assert found["start"]["dependentTasks"] == ["Preprocess"]
    assert found["baseline"]["dependentTasks"] == ["Trainer"]
    assert found["Trainer"]["inputs"]["artifacts"]["base_model"]["taskOutputArtifact"] == {
        "producerTask": "start",
        "outputArtifactKey": "model",
    }
    assert all(
        "container" in row for row in package().documents[0]["deploymentSpec"]["executors"].values()
    )


def test_the_entry_point_knows_every_type_of_ours(package):
    text = spec.to_yaml(package().documents)
    titles = set(re.findall(r"title: ([\w.]+)", text))
    ours = {title for title in titles if not title.startswith("tfx.")}
    assert ours == set(entrypoint.ARTIFACTS)
    for title, path in entrypoint.ARTIFACTS.items():
        module, _, name = path.rpartition(".")
        artifact = getattr(__import__(module, fromlist=[name]), name)
        assert title == artifact.TYPE_NAME


def test_a_manifest_must_be_on_the_volume(compiled, class_folders, tmp_path, tmp_path_factory):
    volume = f"--kubeflow.volume=images:/mnt/images:{tmp_path}"
    path = manifests.write(tmp_path / "labels.csv", manifests.of_folders(class_folders))
    flags = [volume, "--labels.file", str(path)]
    text = spec.to_yaml(compiled(class_folders, tmp_path / "out", *flags).documents)
    assert "/mnt/images/labels.csv" in text.replace("\\\n", "").replace(" ", "")
    assert str(path) not in text
    flags[-1] = str(shutil.move(path, tmp_path_factory.mktemp("elsewhere")))
    with pytest.raises(errors.ConfigError, match=r"labels.file is .* which is not on the volume"):
        compiled(class_folders, tmp_path / "out", *flags)


def test_folders_outside_the_volume_are_refused_both_at_once(compiled, class_folders, tmp_path):
    with pytest.raises(errors.ConfigError) as caught:
        compiled(class_folders, tmp_path / "out", "--kubeflow.volume=images:/mnt/images:/elsewhere")
    assert len(caught.value.problems) == 2
    assert "not on the volume" in caught.value.problems[0]
