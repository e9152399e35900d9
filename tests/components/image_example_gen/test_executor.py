"""The Beam adapter, on the runner that a local run uses, in memory and on worker processes."""

import pytest
from tfx.types import standard_artifacts

from benchmarks import ingest_step
from components.image_example_gen import component, executor
from data import errors
from data.examples import examples_artifact, ingest_report
from data.sources import registry as label_sources
from data.splits import labels
from pipeline.beam import beam_config
from tests.components.image_example_gen import made
from tests.data import manifests


def run(data_dir, output, workers: int = 0, **changes) -> standard_artifacts.Examples:
    asked = label_sources.request(data_dir)
    root = asked.root
    job = made.job_for(label_sources.scan(asked), output.parent / "state", asked.labels, **changes)
    generator = component.ImageFolderExampleGen(input_base=str(root), job=job)
    properties = ingest_step.exec_properties(generator)
    examples = standard_artifacts.Examples()
    examples.uri = str(output)
    context = executor.Executor.Context(
        beam_pipeline_args=beam_config.BeamConfig(workers=workers).arguments(),
        tmp_dir=str(output.parent / "tmp"),
    )
    executor.Executor(context).Do({}, {"examples": [examples]}, properties)
    return examples


def test_beam_writes_what_the_room_writes(class_folders, tmp_path):
    (class_folders / "cat" / "bad.jpg").write_bytes(b"no image")
    (class_folders / "README").write_text("of cats and dogs")
    (class_folders / "notes").mkdir()
    (class_folders / "notes" / "1.txt").write_text("none")
    examples = run(class_folders, tmp_path / "beam", shard_bytes=1 << 12)
    outcome, listing = made.run(class_folders, tmp_path / "room", shard_bytes=1 << 12)
    assert made.stored(tmp_path / "beam") == made.stored(tmp_path / "room")
    assert examples.split_names == '["train", "eval", "test"]'
    text = (tmp_path / "beam" / examples_artifact.REPORT_FILE).read_text()
    assert ingest_report.Report.from_json(text).counts() == outcome.counts()
    assert "cat/bad.jpg" in (tmp_path / "beam" / examples_artifact.QUARANTINE_FILE).read_text()
    for place in (tmp_path / "beam", tmp_path / "state"):
        assert (place / examples_artifact.UNUSED_FILE).read_text() == (
            "path,reason,is_image\nREADME,outside_class_folder,false\n"
            "notes/1.txt,no_image_in_folder,false\n"
        )
    assert outcome.unused == {"no_image_in_folder": 1, "outside_class_folder": 1}
    assert labels.load(tmp_path / "beam" / examples_artifact.LABELS_FILE) == listing.class_names


def test_beam_reads_the_labels_of_a_manifest(class_folders, tmp_path):
    rows = manifests.of_folders(class_folders)
    path = manifests.write(class_folders / "labels.csv", rows[1:])
    run(path, tmp_path / "beam")
    assert (tmp_path / "beam" / examples_artifact.UNUSED_FILE).read_text() == (
        f"path,reason,is_image\n{rows[0]['file_name']},not_in_manifest,true\n"
    )
    path.unlink()
    (class_folders / rows[0]["file_name"]).unlink()
    made.run(class_folders, tmp_path / "room")
    assert made.stored(tmp_path / "beam") == made.stored(tmp_path / "room")


@pytest.mark.landing
def test_worker_processes_write_the_same(class_folders, tmp_path):
    run(class_folders, tmp_path / "workers", workers=2)
    made.run(class_folders, tmp_path / "room")
    assert made.stored(tmp_path / "workers") == made.stored(tmp_path / "room")


def test_a_folder_of_unreadable_images_is_a_data_error(class_folders, tmp_path):
    for path in class_folders.rglob("*.jpg"):
        path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(
        errors.DataError, match=r"24 files could not be read \(24 damaged\), see .*quarantine\.csv"
    ):
        run(class_folders, tmp_path / "beam")
