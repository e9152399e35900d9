"""Ingests of a folder that grows: what is decoded again, and what stays where it was."""

import hashlib
import shutil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from components.image_example_gen import first_pass, report_checks, second_pass
from data.examples import example, examples_artifact
from data.splits import file_index, split
from tests import examples
from tests.components.image_example_gen import made
from tests.data.pictures import noise

pytestmark = pytest.mark.xdist_group("ingest")


def splits_of(output: Path) -> dict[str, str]:
    return {image.sha256: image.split for image in examples_artifact.read_catalog(str(output))}


def grow(root: Path, count: int, seed: int) -> None:
    for number in range(count):
        name = ("cat", "dog", "bird")[number % 3]
        (root / name).mkdir(exist_ok=True)
        noise(24, 32, seed=seed + number).save(root / name / f"new{seed}_{number}.png")


@settings(max_examples=examples.of(6), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(1_000, 1_000_000))
def test_a_fifth_more_images_moves_none_and_decodes_only_the_new(
    class_folders, tmp_path_factory, seed
):
    root = tmp_path_factory.mktemp("growing")
    shutil.copytree(class_folders, root / "images")
    state = root / "state"
    first, _ = made.run(root / "images", root / "one", state)
    grow(root / "images", 5, seed)
    second, _ = made.run(root / "images", root / "two", state)
    assert (first.decoded, second.decoded) == (24, 5)
    before, after = splits_of(root / "one"), splits_of(root / "two")
    assert len(after) == 29
    assert {digest: after[digest] for digest in before} == before


def test_images_that_come_back_are_where_they_were(class_folders, tmp_path):
    state = tmp_path / "state"
    made.run(class_folders, tmp_path / "one", state)
    shutil.move(class_folders / "cat", tmp_path / "aside")
    grow(class_folders, 30, seed=5_000)
    made.run(class_folders, tmp_path / "two", state)
    shutil.copytree(tmp_path / "aside", class_folders / "cat", dirs_exist_ok=True)
    made.run(class_folders, tmp_path / "three", state)
    before, after = splits_of(tmp_path / "one"), splits_of(tmp_path / "three")
    assert {digest: after[digest] for digest in before} == before


def test_a_moved_image_is_not_decoded_again(class_folders, tmp_path):
    state = tmp_path / "state"
    made.run(class_folders, tmp_path / "one", state)
    (class_folders / "cat" / "00.jpg").rename(class_folders / "dog" / "moved.jpg")
    outcome, _ = made.run(class_folders, tmp_path / "two", state)
    assert outcome.decoded == 0
    rows = [row for rows in made.stored(tmp_path / "two").values() for row in rows]
    (moved,) = (row for row in rows if row[example.FILENAME] == b"dog/moved.jpg")
    assert moved[example.CLASS_TEXT] == b"dog"
    assert splits_of(tmp_path / "one") == splits_of(tmp_path / "two")


def test_a_changed_image_is_decoded_again(class_folders, tmp_path):
    state = tmp_path / "state"
    made.run(class_folders, tmp_path / "one", state)
    noise(24, 32, seed=77).save(class_folders / "cat" / "00.jpg")
    outcome, _ = made.run(class_folders, tmp_path / "two", state)
    assert outcome.decoded == 1


def test_other_settings_decode_all_again(class_folders, tmp_path):
    state = tmp_path / "state"
    made.run(class_folders, tmp_path / "one", state)
    outcome, _ = made.run(class_folders, tmp_path / "two", state, max_side_px=16)
    assert outcome.decoded == 24
    assert outcome.reencoded == 24
    rows = [row for rows in made.stored(tmp_path / "two").values() for row in rows]
    assert {(row[example.WIDTH], row[example.HEIGHT]) for row in rows} == {(16, 12)}


def test_what_is_stored_in_other_bytes_is_kept_between_runs(class_folders, tmp_path):
    for path in sorted(class_folders.rglob("*.jpg")):
        Image.open(path).save(path.with_suffix(".webp"))
        path.unlink()
    state = tmp_path / "state"
    first, listing = made.run(class_folders, tmp_path / "one", state)
    assert (first.decoded, first.reencoded) == (24, 24)
    job = made.job_for(listing, state)
    kept = sorted(first_pass.Workspace.of(job).index_dir.glob("encoded/*/*"))
    assert len(kept) == 24
    kept[0].unlink()
    (class_folders / "cat" / "00.webp").unlink()
    second, _ = made.run(class_folders, tmp_path / "two", state)
    assert second.decoded <= 1  # the one whose bytes were lost, unless it is the one removed
    assert len(list(first_pass.Workspace.of(job).index_dir.glob("encoded/*/*"))) == 23
    assert sum(len(rows) for rows in made.stored(tmp_path / "two").values()) == 23


def test_an_ingest_that_was_killed_goes_on(class_folders, tmp_path):
    """What was decoded before it died is known to the next one."""
    state = tmp_path / "state"
    _, listing = made.run(class_folders, tmp_path / "one", tmp_path / "other")
    job = made.job_for(listing, state)
    workspace = first_pass.Workspace.of(job)
    tasks = first_pass.new_files(listing, {}, workspace)
    inspector = first_pass.Inspector(str(class_folders), job, decoders=1)
    inspector.inspect(tasks[:10])
    inspector.close()
    assert len(file_index.load(workspace.index_dir)) == 10
    outcome, _ = made.run(class_folders, tmp_path / "two", state)
    assert outcome.decoded == 14
    assert made.stored(tmp_path / "two") == made.stored(tmp_path / "one")


def test_a_file_that_changes_between_the_passes_is_quarantined(class_folders, tmp_path):
    _, listing = made.run(class_folders, tmp_path / "one", tmp_path / "state")
    job = made.job_for(listing, tmp_path / "state")
    rows = file_index.load(first_pass.Workspace.of(job).index_dir)
    plan = second_pass.plan(listing, rows, job, {})
    image = next(image for image in plan.images if image.path == "cat/03.jpg")
    noise(24, 32, seed=99).save(class_folders / "cat" / "03.jpg")
    writer = second_pass.ShardWriter(
        str(class_folders), str(tmp_path / "two"), job, {"train": 1, "eval": 1, "test": 1}
    )
    examples_artifact.write_catalog(str(tmp_path / "two"), plan.images, plan.shard_counts)
    written = writer.write(image.split, 0)
    assert [(row.path, row.reason) for row in written.quarantined] == [("cat/03.jpg", "changed")]
    listed = {one.path for one in examples_artifact.read_catalog(str(tmp_path / "two"))}
    assert listed == {one.path for one in plan.images} - {"cat/03.jpg"}


def test_near_copies_and_one_patient_share_a_split(class_folders, tmp_path):
    for number in range(12):
        image = Image.open(class_folders / "cat" / f"{number:02d}.jpg")
        image.resize((64, 48)).save(class_folders / "cat" / f"copy{number:02d}.png")
        noise(24, 32, seed=900 + number).save(class_folders / "dog" / f"p{number % 3}_{number}.png")
    changes = {"split": split.SplitConfig(group_pattern=r"dog/(p\d)_", max_duplicate_distance=100)}
    made.run(class_folders, tmp_path / "out", **changes)
    images = {
        image.path: image.split for image in examples_artifact.read_catalog(str(tmp_path / "out"))
    }
    for number in range(12):
        assert images[f"cat/{number:02d}.jpg"] == images[f"cat/copy{number:02d}.png"]
        assert (
            images[f"dog/p{number % 3}_{number}.png"]
            == images[f"dog/p{number % 3}_{number % 3}.png"]
        )


def test_spans_are_recorded_and_old_ones_known(class_folders, tmp_path):
    root, state = tmp_path / "spans", tmp_path / "state"
    shutil.copytree(class_folders, root / "span-1")
    made.run(root, tmp_path / "one", state)
    grow(root / "span-1", 0, 0)
    for number, name in enumerate(("cat", "dog") * 5):
        (root / "span-2" / name).mkdir(parents=True, exist_ok=True)
        noise(24, 32, seed=700 + number).save(root / "span-2" / name / f"{number}.png")
    outcome, _ = made.run(root, tmp_path / "two", state)
    assert outcome.decoded == 10
    rows = [row for rows in made.stored(tmp_path / "two").values() for row in rows]
    assert sorted({int(row[example.SPAN]) for row in rows}) == [1, 2]
    outcome, _ = made.run(root, tmp_path / "three", state, spans={"window": 1})
    assert sum(outcome.counts().values()) == 10
    assert outcome.decoded == 0
    assert {image.span for image in examples_artifact.read_catalog(str(tmp_path / "three"))} == {2}


def test_a_ledger_can_be_edited_to_pin_an_image(class_folders, tmp_path):
    state = tmp_path / "state"
    _, listing = made.run(class_folders, tmp_path / "one", state)
    ledger = first_pass.Workspace.of(made.job_for(listing, state)).ledger
    known = split.load_ledger(ledger)
    digest = next(digest for digest, name in known.items() if name == "train")
    split.save_ledger(ledger, {**known, digest: "test"})
    made.run(class_folders, tmp_path / "two", state)
    assert splits_of(tmp_path / "two")[digest] == "test"


@pytest.mark.parametrize("side", [2, 3, 9])
def test_tiny_images(tmp_path, side):
    for name in ("cat", "dog"):
        (tmp_path / "images" / name).mkdir(parents=True)
        for number in range(4):
            values = np.random.default_rng(number + 10 * len(name)).integers(0, 256, (side, side))
            path = tmp_path / "images" / name / f"{hashlib.md5(bytes([number])).hexdigest()}.png"  # noqa: S324
            Image.fromarray(values.astype(np.uint8)).save(path)
    outcome, _ = made.run(tmp_path / "images", tmp_path / "out")
    assert sum(outcome.counts().values()) == 8


def test_the_test_images_of_the_first_span_stay_when_the_window_has_passed_it(tmp_path):
    root, state = tmp_path / "images", tmp_path / "state"
    changes = {"spans": {"window": 2, "fixed_test": 1}}
    kept: dict[int, set[str]] = {}
    for number in range(1, 5):
        for name in ("cat", "dog"):
            (root / f"span-{number}" / name).mkdir(parents=True)
            for index_ in range(12):
                image = noise(24, 32, seed=1_000 * number + index_ + 100 * (name == "cat"))
                image.save(root / f"span-{number}" / name / f"{index_}.png")
        output = tmp_path / str(number)
        outcome, listing = made.run(root, output, state, **changes)
        report_checks.check(outcome, listing, "quarantine.csv")
        images = list(examples_artifact.read_catalog(str(output)))
        kept[number] = {image.path for image in images if image.span == 1}
        tested = {image.path for image in images if image.span == 1 and image.split == "test"}
        assert {image.span for image in images} - {1} == {number, number - 1} - {0, 1}
        assert outcome.decoded == 24  # nothing old is decoded again
        unused = {"span_outside_window": 24} if number > 3 else {}
        if number > 2:  # of the first span, what is no test image
            unused["span_for_test_only"] = 24 - len(kept[number])
        assert outcome.unused == unused
    assert kept[1] == kept[2]
    assert kept[3] == kept[4] == tested < kept[1]
