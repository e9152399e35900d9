"""Ingest with labels from manifests: the same images give the same records as in class folders."""

import os
import shutil
from pathlib import Path

import pytest
import tensorflow as tf

from data import errors
from data.examples import example, examples_artifact
from data.sources import config, label_source
from data.splits import split
from tests.components.image_example_gen import made
from tests.data import manifests
from tests.data.pictures import noise

pytestmark = pytest.mark.xdist_group("ingest")
NAMES = ("labels.csv", "labels.jsonl", "labels.parquet")


def written(output: Path, state: Path) -> dict[str, bytes]:
    """The shards and the ledger of splits, which is removed: the next ingest assigns afresh."""
    shards = {
        f"{name}/{Path(path).name}": Path(path).read_bytes()
        for name in split.SPLITS
        for path in examples_artifact.shards(str(output), name)
    }
    (ledger,) = state.glob("splits-*.csv")
    return shards | {ledger.name: (ledger.read_bytes(), ledger.unlink())[0]}


def assert_the_same(root: Path, tmp_path: Path) -> None:
    """Ingests a set as folders and by every kind of manifest; each file is decoded once."""
    state = tmp_path / "state"
    first, listing = made.run(root, tmp_path / "folders", state)
    expected = written(tmp_path / "folders", state)
    rows = manifests.of_folders(root)
    assert len(rows) == len(listing.files) == first.decoded
    for name in NAMES:
        output = tmp_path / name.replace(".", "-")
        source = config.LabelsConfig(file=manifests.write(tmp_path / name, rows))
        report, _ = made.run(root, output, state, source=source)
        assert report.decoded == 0
        assert report.examples == first.examples
        assert written(output, state) == expected, name
        shutil.rmtree(output)


def test_class_folders_and_manifests_give_the_same_records(class_folders, tmp_path):
    assert_the_same(class_folders, tmp_path)


@pytest.mark.parametrize("name", ["ants_bees", "trash6_256px"])
def test_photographs_give_the_same_records(name, shared, tmp_path):
    assert_the_same(shared(f"datasets/{name}"), tmp_path)


def test_an_edited_label_is_in_the_records_and_decodes_nothing(class_folders, tmp_path):
    rows = manifests.of_folders(class_folders)
    path = manifests.write(class_folders / "metadata.csv", rows)
    first, before = made.run(class_folders, tmp_path / "one", tmp_path / "state")
    times = path.stat()
    rows[0]["label"] = "dog"
    manifests.write(path, rows)
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    second, after = made.run(class_folders, tmp_path / "two", tmp_path / "state")
    assert (first.decoded, second.decoded) == (24, 0)
    assert before.fingerprint() != after.fingerprint()

    def stored(output: Path) -> dict[bytes, tuple[str, bytes, int]]:
        return {
            row[example.FILENAME]: (name, row[example.CLASS_TEXT], row[example.CLASS_LABEL])
            for name, found in made.stored(output).items()
            for row in found
        }

    changed = stored(tmp_path / "two")
    old = stored(tmp_path / "one")
    edited = rows[0]["file_name"].encode()
    assert old[edited][1:] == (b"cat", 0) and changed[edited][1:] == (b"dog", 1)
    assert old[edited][0] == changed[edited][0]  # no image moves
    del old[edited], changed[edited]
    assert changed == old


def test_groups_of_a_manifest_are_never_torn(tmp_path):
    root = tmp_path / "images"
    root.mkdir()
    rows = []
    for number in range(60):
        noise(24, 32, seed=number).save(root / f"{number}.jpg")
        rows.append({"file_name": f"{number}.jpg", "label": "ab"[number % 2]})
    manifests.write(root / "metadata.csv", rows)
    apart, _ = made.run(root, tmp_path / "apart")
    for number, row in enumerate(rows):
        row["group"] = f"patient {number // 6}"
    manifests.write(root / "metadata.csv", rows)
    made.run(root, tmp_path / "together")
    splits: dict[str, set[str]] = {}
    for image in examples_artifact.read_catalog(str(tmp_path / "together")):
        splits.setdefault(f"{int(image.path[:-4]) // 6}", set()).add(image.split)
    assert [len(found) for found in splits.values()] == 10 * [1]
    assert {name for found in splits.values() for name in found} == set(split.SPLITS)
    assert apart.counts() == {"train": 48, "eval": 6, "test": 6}


def test_given_splits_are_kept(class_folders, tmp_path):
    rows = manifests.of_folders(class_folders)
    for number, row in enumerate(rows):
        row["split"] = ("train", "train", "val", "test")[number % 4]
    manifests.write(class_folders / "metadata.csv", rows)
    made.run(class_folders, tmp_path / "out")
    found = {one.path: one.split for one in examples_artifact.read_catalog(str(tmp_path / "out"))}
    assert found == {row["file_name"]: row["split"].replace("val", "eval") for row in rows}


def test_records_have_all_labels_of_an_image(class_folders, tmp_path):
    rows = manifests.of_folders(class_folders)
    for number, row in enumerate(rows):
        row["labels"] = [["cat", "dog"], [], ["cat"]][number % 3]
        del row["label"]
    manifests.write(class_folders / "metadata.jsonl", rows)
    rule = label_source.LabelRule("any")
    report, listing = made.run(class_folders, tmp_path / "out", rule=rule)
    stated = {file.path: file.labels for file in listing.files}
    found = {}
    for name in split.SPLITS:
        for path in examples_artifact.shards(str(tmp_path / "out"), name):
            for record in tf.data.TFRecordDataset(path).as_numpy_iterator():
                features = tf.train.Example.FromString(record).features.feature
                texts = [text.decode() for text in features[example.CLASS_TEXT].bytes_list.value]
                numbers = list(features[example.CLASS_LABEL].int64_list.value)
                assert [["cat", "dog"].index(text) for text in texts] == numbers
                found[features[example.FILENAME].bytes_list.value[0].decode()] = tuple(texts)
    assert found == stated
    assert len(set(found.values())) == 3
    assert sum(report.counts().values()) == 24 == report.found


def test_a_bad_file_is_in_quarantine_with_its_labels(class_folders, tmp_path):
    rows = manifests.of_folders(class_folders)
    (class_folders / rows[0]["file_name"]).write_bytes(b"no image")
    manifests.write(class_folders / "metadata.csv", rows)
    report, _ = made.run(class_folders, tmp_path / "out")
    (row,) = report.quarantined
    assert (row.path, row.labels, row.reason) == (rows[0]["file_name"], ("cat",), "not_an_image")


def test_a_manifest_that_changed_after_the_run_began(class_folders, tmp_path):
    from components.image_example_gen import input_folder

    rows = manifests.of_folders(class_folders)
    path = manifests.write(class_folders / "metadata.csv", rows)
    _, listing = made.run(class_folders, tmp_path / "out")
    job = made.job_for(listing, tmp_path)
    rows[0]["label"] = "cow"
    manifests.write(path, rows)
    with pytest.raises(errors.DataError, match=r"The class 'cow' was added to .* Run the command"):
        input_folder.listed(str(class_folders), job, lambda _: None)
