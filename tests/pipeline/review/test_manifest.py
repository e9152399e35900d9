"""Decisions as a manifest: exported, edited elsewhere, imported, and applied by the next ingest."""

import csv
import json

import pytest

from data import errors
from data.corrections.decisions import Action, Decision
from data.sources import config, label_source
from pipeline.review import command, manifest, project
from tests.components.image_example_gen import made as ingest
from tests.data import manifests
from tests.pipeline.review.made import ingested

pytestmark = pytest.mark.xdist_group("ingest")


@pytest.fixture
def found(class_folders, tmp_path) -> project.Project:
    return ingested(class_folders, tmp_path / "output")


def decide(found: project.Project, number: int, action: Action, new: tuple[str, ...] = ()):
    image = found.images[number]
    when = "2031-05-01T09:30:00Z"
    made = Decision(
        image.path, image.sha256, image.labels, new or image.labels, "ada", when, "", action
    )
    found.log.append([made])
    return image


def other(labels: tuple[str, ...]) -> tuple[str, ...]:
    return ("dog",) if labels == ("cat",) else ("cat",)


def rows(path) -> dict[str, dict[str, str]]:
    with path.open(newline="") as file:
        return {row["file_name"]: row for row in csv.DictReader(file)}


def labels_of(found: project.Project) -> dict[str, tuple[str, ...]]:
    return {image.path: image.labels for image in found.images}


def test_what_was_decided_is_exported_and_trained_on(found, class_folders, tmp_path):
    wrong = decide(found, 0, Action.RELABEL, other(found.images[0].labels))
    bad = decide(found, 1, Action.DROP)
    decide(found, 2, Action.KEEP)
    path = tmp_path / "labels.csv"
    done = manifest.export(found, path)
    assert (done.images, done.changed, done.dropped, done.needs_separator) == (23, 1, 1, False)
    written = rows(path)
    assert bad.path not in written
    assert written[wrong.path] == {
        "file_name": wrong.path,
        "label": other(wrong.labels)[0],
        "split": wrong.split,
    }
    # The manifest alone and the corrections alone give the same images, labels and splits.
    source = config.LabelsConfig(file=path)
    ingest.run(class_folders, tmp_path / "by_manifest", source=source)
    applied = ingested(class_folders, found.output_dir, "2", corrections=found.log.path)

    def told(uri) -> list[tuple]:
        from data.examples import examples_artifact

        images = examples_artifact.read_catalog(str(uri))
        return sorted((one.path, one.labels, one.split) for one in images)

    assert told(tmp_path / "by_manifest") == told(applied.uri)
    # What a run has applied counts as before: it is not what the data folder says.
    again = manifest.export(applied, tmp_path / "again.csv")
    assert (again.images, again.changed, again.dropped) == (23, 1, 1)
    assert rows(tmp_path / "again.csv") == written


def test_an_edited_manifest_becomes_decisions(found, tmp_path):
    path = tmp_path / "labels.csv"
    decide(found, 5, Action.RELABEL, other(found.images[5].labels))
    manifest.export(found, path)
    lines = rows(path)
    first, second, back = (found.images[number] for number in (0, 1, 5))
    lines[first.path]["label"] = other(first.labels)[0]
    lines[back.path]["label"] = back.labels[0]
    del lines[second.path]
    manifests.write(path, list(lines.values()))
    done = manifest.read(found, path, "ada")
    assert (done.relabelled, done.dropped, done.kept, done.unknown) == (1, 0, 1, 0)
    assert manifest.read(found, path, "ada").relabelled == 0  # nothing twice
    done = manifest.read(found, path, "ada", drops=True)
    assert (done.relabelled, done.dropped, done.kept) == (0, 1, 0)
    corrections = found.corrections()
    assert corrections.of(first.sha256, first.labels).labels == other(first.labels)
    assert corrections.of(back.sha256, back.labels).labels == back.labels
    assert corrections.of(second.sha256, second.labels).dropped.why == "from labels.csv"


def test_a_class_that_is_new_must_be_meant(found, tmp_path):
    image = found.images[0]
    path = manifests.write(tmp_path / "new.csv", [{"file_name": image.path, "label": "cow"}])
    with pytest.raises(
        errors.DataError,
        match=r"class 'cow', which is not one of cat, dog\. If it is right, add --new-classes\.",
    ):
        manifest.read(found, path, "ada")
    assert found.log.read() == []
    assert manifest.read(found, path, "ada", adds=True).relabelled == 1
    assert found.corrections().new_labels == {"cow"}


def test_several_labels_go_through_json_lines(class_folders, tmp_path):
    table = manifests.of_folders(class_folders)
    for number, row in enumerate(table):
        row["labels"] = [["cat", "dog|wolf"], [], ["cat"]][number % 3]
        del row["label"]
    manifests.write(class_folders / "metadata.jsonl", table)
    rule = label_source.LabelRule("any")
    found = ingested(class_folders, tmp_path / "output", task="multilabel", rule=rule)
    decide(found, 0, Action.RELABEL, ("dog|wolf",))
    with pytest.raises(errors.DataError, match=r"'dog\|wolf' has a character .* export to .jsonl"):
        manifest.export(found, tmp_path / "labels.csv")
    path = tmp_path / "labels.jsonl"
    assert manifest.export(found, path).changed == 1
    stated = [json.loads(line) for line in path.read_text().splitlines()]
    now = {row["file_name"]: tuple(row["labels"]) for row in stated}
    assert now == labels_of(found) | {found.images[0].path: ("dog|wolf",)}
    assert manifest.read(found, path, "ada") == manifest.Imported(0, 0, 0, 0)


def test_what_cannot_be_exported_or_imported(found, class_folders, tmp_path):
    with pytest.raises(errors.UserError, match=r"must end in \.csv or \.jsonl"):
        manifest.export(found, tmp_path / "labels.txt")
    with pytest.raises(errors.UserError, match="never written to"):
        manifest.export(found, class_folders / "labels.csv")
    path = manifests.write(tmp_path / "labels.csv", [{"file_name": "cat/x.jpg", "label": "cow"}])
    with pytest.raises(errors.DataError, match=r"labels\.csv: rows whose file does not exist"):
        manifest.read(found, path, "ada")
    row = {"file_name": found.images[0].path, "label": "cow"}
    with pytest.raises(
        errors.DataError, match=r"has the class 'cow', which is not one of cat, dog"
    ):
        manifest.read(found, manifests.write(path, [row]), "ada")
    assert found.log.read() == []


def test_the_command_line(found, tmp_path, capsys):
    wrong = decide(found, 0, Action.RELABEL, other(found.images[0].labels))
    output, path = str(found.output_dir), str(tmp_path / "labels.csv")
    assert command.main(["export", path, "--output-dir", output]) == 0
    told = capsys.readouterr().out
    assert "24 images in" in told and "1 with corrected labels; 0 dropped." in told
    assert f"--data-dir {found.data_dir} --labels.file {path}" in told
    found.log.path.unlink()
    assert command.main(["import", path, "--output-dir", output, "--by", "eve"]) == 0
    assert "1 relabelled, 0 dropped, 0 as they were" in capsys.readouterr().out
    (made,) = found.log.read()
    assert (made.path, made.by, made.new) == (wrong.path, "eve", other(wrong.labels))
    assert command.main(["export", path, "--output-dir", str(tmp_path / "none")]) == 2
    assert "There is no" in capsys.readouterr().err
    assert command.main(["export", path, "--output-dir", output, "--model", "cows"]) == 2
    assert "of the model 'cows' that are still there; models are pets" in capsys.readouterr().err
