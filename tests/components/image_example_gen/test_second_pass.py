import collections
import os
import shutil

import numpy as np
import pytest
import tensorflow as tf

from components.image_example_gen import input_folder, report_checks
from data import errors
from data.examples import example, examples_artifact, ingest_report
from data.graph import decoding
from data.images import image_reading
from data.sources import by_folder
from tests.components.image_example_gen import made
from tests.data import folders, icc
from tests.data.pictures import noise

pytestmark = pytest.mark.xdist_group("ingest")


def test_every_file_ends_in_a_split(class_folders, tmp_path):
    outcome, listing = made.run(class_folders, tmp_path / "out")
    report_checks.check(outcome, listing, "quarantine.csv")
    rows = [row for split in made.stored(tmp_path / "out").values() for row in split]
    names = sorted(row[example.FILENAME].decode() for row in rows)
    assert names == [file.path for file in listing.files]
    for row in rows:
        assert row[example.CLASS_TEXT].decode() == row[example.FILENAME].decode().split("/")[0]
        assert row[example.CLASS_LABEL] == ["cat", "dog"].index(row[example.CLASS_TEXT].decode())


def test_records_do_not_depend_on_the_order_of_files(class_folders, tmp_path):
    made.run(class_folders, tmp_path / "one")
    copy = tmp_path / "copy"
    for path in sorted(class_folders.rglob("*.jpg"), reverse=True):
        target = copy / path.relative_to(class_folders)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, target)
    made.run(copy, tmp_path / "two")
    assert made.stored(tmp_path / "one") == made.stored(tmp_path / "two")


def test_adding_images_moves_no_old_one(class_folders, tmp_path):
    state = tmp_path / "state"
    first, _ = made.run(class_folders, tmp_path / "one", state)
    for number in range(5):
        noise(24, 32, seed=500 + number).save(class_folders / "cat" / f"new{number}.jpg")
    second, _ = made.run(class_folders, tmp_path / "two", state)
    assert (first.decoded, second.decoded) == (24, 5)
    before, after = made.stored(tmp_path / "one"), made.stored(tmp_path / "two")
    for name, rows in before.items():
        kept = {row[example.FILENAME] for row in after[name]}
        assert {row[example.FILENAME] for row in rows} <= kept


def test_duplicates_share_a_split(class_folders, tmp_path):
    for number in range(12):
        shutil.copy(
            class_folders / "cat" / f"{number:02d}.jpg", class_folders / "cat" / f"d{number}.jpg"
        )
    made.run(class_folders, tmp_path / "out")
    splits = collections.defaultdict(set)
    for name, rows in made.stored(tmp_path / "out").items():
        for row in rows:
            splits[row[example.SHA256]].add(name)
    assert all(len(names) == 1 for names in splits.values())


def test_shards_are_many_small_ones_when_asked(class_folders, tmp_path):
    made.run(class_folders, tmp_path / "out", shard_bytes=1 << 10)
    files = examples_artifact.shards(str(tmp_path / "out"), "train")
    assert len(files) > 2
    assert files[0].endswith(f"examples-00000-of-{len(files):05d}")
    assert sum(len(rows) for rows in made.stored(tmp_path / "out").values()) == 24


def test_bad_files_are_quarantined_with_reasons(class_folders, tmp_path):
    cats = class_folders / "cat"
    (cats / "empty.jpg").write_bytes(b"")
    (cats / "text.jpg").write_bytes(b"this is no image at all")
    (cats / "cut.jpg").write_bytes((cats / "00.jpg").read_bytes()[:-200])
    os.symlink("/etc/hostname", cats / "out.jpg")
    os.symlink("nowhere", cats / "broken.jpg")
    os.mkfifo(cats / "pipe.jpg")
    os.symlink("00.jpg", cats / "inside.jpg")
    outcome, listing = made.run(class_folders, tmp_path / "out")
    found = {row.path.removeprefix("cat/"): row.reason for row in outcome.quarantined}
    assert found == {
        "empty.jpg": "empty",
        "text.jpg": "not_an_image",
        "cut.jpg": "damaged",
        "out.jpg": "link_outside",
        "broken.jpg": "not_a_file",
        "pipe.jpg": "not_a_file",
    }
    assert sum(outcome.counts().values()) + len(outcome.quarantined) == len(listing.files)
    rows = outcome.quarantine_csv().splitlines()
    assert rows[0] == "path,class,reason,detail"
    assert len(rows) == 7


def test_the_source_is_never_written_to(class_folders, tmp_path):
    before = {path: path.stat().st_mtime_ns for path in class_folders.rglob("*")}
    made.run(class_folders, tmp_path / "out")
    assert {path: path.stat().st_mtime_ns for path in class_folders.rglob("*")} == before


def test_split_folders_are_honoured(class_folders, tmp_path):
    root = tmp_path / "given"
    for name in ("train", "val", "test"):
        shutil.copytree(class_folders, root / name)
    outcome, _ = made.run(root, tmp_path / "out")
    assert outcome.counts() == {"train": 24, "eval": 24, "test": 24}


def test_report_round_trip(class_folders, tmp_path):
    (class_folders / "cat" / "bad\udcff.jpg").write_bytes(b"no")
    outcome, _ = made.run(class_folders, tmp_path / "out")
    assert ingest_report.Report.from_json(outcome.to_json()) == outcome
    assert "bad\\udcff.jpg" in outcome.quarantine_csv()


@pytest.mark.parametrize(
    ("examples", "quarantined", "message"),
    [
        ({}, 4, "At least two classes need images to train on; none of those in"),
        ({"train": {"cat": 3}}, 1, "only 'cat' of those in"),
        ({"train": {"cat": 3, "dog": 1}}, 0, "The eval split is empty: 4 readable images"),
        ({"train": {"cat": 1, "dog": 1}, "eval": {"cat": 1}}, 1, "The test split is empty"),
    ],
)
def test_refuses_an_outcome_that_makes_no_classifier(tmp_path, examples, quarantined, message):
    for name in ("cat/a", "cat/b", "dog/a", "dog/b"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(folders.PGM)
    bad = [ingest_report.Quarantined(f"cat/{i}", ("cat",), "damaged") for i in range(quarantined)]
    with pytest.raises(errors.DataError) as caught:
        report_checks.check(ingest_report.Report(examples, bad), by_folder.scan(tmp_path), "q.csv")
    assert message in str(caught.value)


def test_a_class_without_a_usable_image_is_refused(class_folders, tmp_path):
    """Its images begin as such and turn out damaged: the label map must not get it."""
    shutil.copytree(class_folders / "cat", class_folders / "bird")
    for path in (class_folders / "bird").iterdir():
        path.write_bytes(path.read_bytes()[:-100])
    outcome, listing = made.run(class_folders, tmp_path / "out")
    with pytest.raises(errors.DataError) as caught:
        report_checks.check(outcome, listing, "q.csv")
    assert str(caught.value) == (
        "The class 'bird' has no usable image: 12 files could not be read (12 damaged), see q.csv."
        " Repair the files, or leave the class out: --ingest.exclude-classes bird."
    )


def test_what_checks_took_out_is_not_called_unreadable():
    rows = [ingest_report.Quarantined(f"cat/{i}", ("cat",), "label_conflicts") for i in range(3)]
    rows.append(ingest_report.Quarantined("cat/3", ("cat",), "damaged"))
    with pytest.raises(errors.DataError) as caught:
        report_checks.check_classifier(
            ingest_report.Report({"train": {"dog": 2}}, rows, source="in"), "q.csv"
        )
    assert (
        "1 files could not be read (1 damaged) and 3 files were removed by checks"
        " (3 label_conflicts), see q.csv." in str(caught.value)
    )


def test_a_class_that_came_in_meanwhile_is_told(class_folders, tmp_path):
    job = made.job_for(by_folder.scan(class_folders), tmp_path)
    shutil.copytree(class_folders / "cat", class_folders / "bird")
    with pytest.raises(errors.DataError, match=r"The class 'bird' was added to .* Run the command"):
        input_folder.listed(str(class_folders), job, lambda _: None)
    shutil.rmtree(class_folders / "dog")
    shutil.rmtree(class_folders / "bird")
    with pytest.raises(errors.DataError, match="one class, 'cat'"):
        input_folder.listed(str(class_folders), job, lambda _: None)


def test_a_lost_file_is_noticed(class_folders, tmp_path):
    outcome, listing = made.run(class_folders, tmp_path / "out")
    outcome.examples["train"]["cat"] -= 1
    with pytest.raises(errors.PipelineError, match=r"24 files were found .* but 23 accounted for"):
        report_checks.check(outcome, listing, "q.csv")


@pytest.mark.parametrize("converts", [True, False])
def test_files_with_colour_profiles_are_served_by_the_rule_of_the_ingest(tmp_path, converts):
    root = tmp_path / "images"
    profile = icc.rgb(icc.DISPLAY_P3, icc.SRGB_CURVE)
    for number, name in enumerate(("cat", "dog")):
        (root / name).mkdir(parents=True)
        for index in range(4):
            image = noise(24, 32, seed=100 * number + index)
            image.save(root / name / f"{index}.png", icc_profile=profile)
    made.run(root, tmp_path / "out", convert_to_srgb=converts)
    reading = examples_artifact.read_report(str(tmp_path / "out")).reading
    assert reading.convert_to_srgb == converts
    rows = [row for rows in made.stored(tmp_path / "out").values() for row in rows]
    assert len(rows) == 8
    for row in rows:
        original = (root / row["image/filename"].decode()).read_bytes()
        assert row["image/reencoded"] == converts
        served = decoding.decode(tf.constant(original), reading).numpy()
        trained = decoding.decode(tf.constant(row["image/encoded"]), image_reading.STORED).numpy()
        np.testing.assert_array_equal(served, trained)
