"""Ingest with corrections: labels are replaced and images left out, by the contents of their files."""

import shutil

import pytest

from components.image_example_gen import corrected
from data import errors
from data.corrections import decisions
from data.corrections.decisions import Action
from data.examples import example, examples_artifact
from data.files import hashing
from tests.components.image_example_gen import made
from tests.data.corrections.made import decision

pytestmark = pytest.mark.xdist_group("ingest")


def digest(root, name: str) -> str:
    return hashing.sha256((root / name).read_bytes())


@pytest.fixture
def log(tmp_path) -> decisions.Log:
    return decisions.Log(tmp_path / "corrections" / "pets.csv")


@pytest.fixture
def decided(class_folders, log):
    """Relabels the first cat and drops the second."""
    first, second = (
        f"cat/{name}" for name in sorted(p.name for p in (class_folders / "cat").iterdir())[:2]
    )
    log.append(
        [
            decision(path=first, sha256=digest(class_folders, first)),
            decision(
                path=second,
                sha256=digest(class_folders, second),
                action=Action.DROP,
                new=("cat",),
                why="no cat",
            ),
            decision(path="gone.jpg", sha256="00" * 32),
        ]
    )
    return first, second


def contents(root) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in sorted(root.rglob("*.*"))}


def test_labels_are_replaced_and_images_left_out(class_folders, tmp_path, log, decided):
    first, second = decided
    files = contents(class_folders)
    before, _ = made.run(class_folders, tmp_path / "one", tmp_path / "state")
    after, _ = made.run(class_folders, tmp_path / "two", tmp_path / "state", corrections=log.path)
    assert after.decoded == 0  # nothing is read again
    (row,) = after.quarantined
    assert (row.path, row.labels, row.reason) == (second, ("cat",), "dropped")
    assert row.detail.endswith(": no cat")
    assert before.found == after.found == 24
    (one,) = after.corrections.relabelled
    assert (one.path, one.old, one.new) == (first, ("cat",), ("dog",))
    assert [idle.path for idle in after.corrections.idle] == ["gone.jpg"]
    stored = {
        row[example.FILENAME].decode(): (name, row[example.CLASS_TEXT], row[example.CLASS_LABEL])
        for name, found in made.stored(tmp_path / "two").items()
        for row in found
    }
    old = {
        row[example.FILENAME].decode(): name
        for name, found in made.stored(tmp_path / "one").items()
        for row in found
    }
    assert stored[first] == (old[first], b"dog", 1)  # and no image moves
    assert {path: split for path, (split, _, _) in stored.items()} == {
        path: split for path, split in old.items() if path != second
    }
    assert contents(class_folders) == files
    assert examples_artifact.read_report(str(tmp_path / "two")) == after


def test_a_file_is_found_after_it_was_moved(class_folders, tmp_path, log, decided):
    shutil.move(class_folders / decided[0], class_folders / "cat" / "moved.jpg")
    found, _ = made.run(class_folders, tmp_path / "out", corrections=log.path)
    assert [one.path for one in found.corrections.relabelled] == ["cat/moved.jpg"]


def test_a_corrected_data_folder_settles_a_correction(class_folders, tmp_path, log, decided):
    shutil.move(class_folders / decided[0], class_folders / "dog" / "moved.jpg")
    found, _ = made.run(class_folders, tmp_path / "out", corrections=log.path)
    assert found.corrections.relabelled == [] and found.corrections.settled == 1


def test_without_a_dropped_image_it_is_not_decoded_again_later(
    class_folders, tmp_path, log, decided
):
    made.run(class_folders, tmp_path / "one", tmp_path / "state", corrections=log.path)
    report, _ = made.run(class_folders, tmp_path / "two", tmp_path / "state")
    assert (report.decoded, report.quarantined) == (0, [])


def test_decisions_that_are_made_while_a_run_begins_wait_for_the_next(
    class_folders, tmp_path, log, decided
):
    _, listing = made.run(class_folders, tmp_path / "out")
    job = made.job_for(listing, tmp_path / "state", corrections=log.path)
    other = f"dog/{sorted(p.name for p in (class_folders / 'dog').iterdir())[0]}"
    late = decision(path=other, sha256=digest(class_folders, other), old=("dog",), new=("cat",))
    log.append([late])
    again = made.job_for(listing, tmp_path / "state", corrections=log.path)
    assert job.corrections.key != again.corrections.key
    found = corrected.apply(listing, {}, job)
    assert len(found.idle) == 3  # no row of the index, so no image matches: as many as the job has
    log.undo(late)
    with pytest.raises(errors.DataError, match=r"were removed from .*pets\.csv after this run"):
        corrected.apply(listing, {}, again)


def test_a_decision_that_changes_nothing_leaves_the_cache_alone(class_folders, tmp_path, log):
    _, listing = made.run(class_folders, tmp_path / "out")
    plain = made.job_for(listing, tmp_path / "state")
    log.append([decision(action=Action.KEEP, new=("cat",))])
    assert made.job_for(listing, tmp_path / "state", corrections=log.path) == plain
    log.append([decision()])
    job = made.job_for(listing, tmp_path / "state", corrections=log.path)
    assert job != plain
    log.append([decision(sha256="cd" * 32, action=Action.NOT_SURE, new=("cat",))])
    assert made.job_for(listing, tmp_path / "state", corrections=log.path) == job


def test_a_class_that_is_new_comes_behind_the_others(class_folders, tmp_path, log, decided):
    first, _ = decided
    cow = decision(path=first, sha256=digest(class_folders, first), old=("dog",), new=("cow",))
    log.append([cow])  # the image is a cat in its folder, was corrected to dog, and now is a cow
    found, _ = made.run(class_folders, tmp_path / "out", corrections=log.path)
    assert [one.new for one in found.corrections.relabelled] == [("cow",)]
    assert examples_artifact.read_labels(str(tmp_path / "out")) == ["cat", "dog", "cow"]
    (row,) = [
        row
        for rows in made.stored(tmp_path / "out").values()
        for row in rows
        if row[example.FILENAME].decode() == first
    ]
    assert (row[example.CLASS_TEXT], row[example.CLASS_LABEL]) == (b"cow", 2)


def test_a_class_whose_images_were_all_dropped_is_told_with_the_cause(class_folders, log, tmp_path):
    from components.image_example_gen import report_checks

    cats = sorted(path.name for path in (class_folders / "cat").iterdir())
    log.append(
        [
            decision(
                path=f"cat/{name}",
                sha256=digest(class_folders, f"cat/{name}"),
                action=Action.DROP,
                new=("cat",),
            )
            for name in cats
        ]
    )
    found, listing = made.run(class_folders, tmp_path / "out", corrections=log.path)
    with pytest.raises(errors.DataError, match=r"12 files were left out by corrections \(12 drop"):
        report_checks.check(found, listing, "quarantine.csv")
