"""Ticks on real folders; what they run is a stand-in for the pipeline, see stand_in.py."""

import json
import os
import shutil
import sys
from pathlib import Path

import pytest
from PIL import Image

from pipeline.scheduled import config, facts, run_process, tick
from tests import saved_models
from tests.data import manifests
from tests.pipeline.scheduled import stand_in

NO_EMBEDDING = ("--triggers.embedding-drift", "false")


@pytest.fixture
def schedule(tmp_path) -> stand_in.Schedule:
    made = stand_in.Schedule(tmp_path / "photos", tmp_path / "out", list(NO_EMBEDDING))
    stand_in.add_images(made.root)
    return made


def spans(schedule: stand_in.Schedule, *numbers: int, complete: bool = True) -> None:
    for number in numbers:
        place = schedule.root / f"span-{number}"
        stand_in.add_images(place, seed=1000 * number)
        if complete:
            (place / "_SUCCESS").touch()


@pytest.fixture
def in_spans(tmp_path) -> stand_in.Schedule:
    made = stand_in.Schedule(tmp_path / "photos", tmp_path / "out", list(NO_EMBEDDING))
    spans(made, 1, 2)
    return made


def history(schedule: stand_in.Schedule) -> list[dict]:
    return schedule.started()._store.history()


def decision(schedule: stand_in.Schedule) -> str:
    """The kind of the last decision."""
    return history(schedule)[-1]["decision"]


def test_the_first_tick_trains_and_the_second_says_in_a_line_that_nothing_is_new(schedule):
    assert schedule.tick() == 0
    assert schedule.lines[0] == "Training. No run has finished yet; there are 8 images."
    assert schedule.lines[1].startswith("Released: version ")
    assert schedule.tick() == 0
    assert len(schedule.runs) == 1
    assert schedule.lines[2:] == ["Nothing new: 8 images, all of which the last run had."]
    assert len(list((schedule.output / "serving" / "photos").iterdir())) == 1


def test_few_new_images_wait_for_more(schedule):
    schedule.arguments += ["--triggers.new-images", "6", "--triggers.new-fraction", "9"]
    schedule.tick()
    stand_in.add_images(schedule.root, count=2, seed=50)
    schedule.tick()
    assert schedule.last == "4 new images; 6 or 900% of 8 would be needed."
    stand_in.add_images(schedule.root, count=1, seed=60)
    schedule.tick()
    assert len(schedule.runs) == 2
    assert "6 new images; 6 are enough" in schedule.lines[-2]
    assert [row["decision"] for row in history(schedule)] == ["first", "too_few", "new_images"]


def test_a_span_counts_when_its_success_file_is_there(in_spans):
    in_spans.tick()
    spans(in_spans, 3, complete=False)
    in_spans.tick()
    assert in_spans.last == (
        "Nothing new: 16 images, all of which the last run had; span 3 has no _SUCCESS yet."
    )
    (in_spans.root / "span-3" / "_SUCCESS").touch()
    in_spans.tick()
    assert "8 new images in span 3, 50% of those of the last run" in in_spans.lines[-2]
    assert "--ingest.spans.complete-only true" in " ".join(in_spans.runs[-1])


def test_the_window_rolls_and_what_leaves_it_is_not_new(in_spans):
    in_spans.arguments += ["--window", "2"]
    in_spans.tick()
    spans(in_spans, 3)
    in_spans.tick()
    assert "8 new images in span 3" in in_spans.lines[-2]
    in_spans.tick()
    assert decision(in_spans) == "nothing_new"
    flags = " ".join(in_spans.runs[-1])
    assert "--ingest.spans.window 2 --ingest.spans.fixed-test 1" in flags


def test_a_new_class(schedule):
    schedule.tick()
    schedule.arguments += ["--triggers.new-fraction", "9"]
    stand_in.add_images(schedule.root, count=1, seed=50, names=("bird",))
    schedule.tick()
    assert "1 new image, with the new class 'bird'" in schedule.lines[-2]


@pytest.mark.parametrize("name", ["metadata.csv", "labels.jsonl"])
def test_labels_of_a_manifest(schedule, name):
    """A changed label makes an image new; an image that no row names is none."""
    rows = manifests.of_folders(schedule.root)
    path = manifests.write(schedule.root / name, rows[:-1])
    if name != "metadata.csv":
        schedule.root = path
    schedule.tick()
    assert schedule.lines[0] == "Training. No run has finished yet; there are 7 images."
    schedule.tick()
    assert schedule.last == "Nothing new: 7 images, all of which the last run had."
    for row in rows[:2]:
        row["label"] = "bird"
    manifests.write(path, rows)
    schedule.tick()
    assert "3 new images, with the new class 'bird'" in schedule.lines[-2]
    manifests.write(path, [*rows, {"file_name": "gone.jpg", "label": "cat"}])
    schedule.tick()
    assert schedule.last.startswith(f"{name}: rows whose file does not exist: 1 (line ")
    assert len(schedule.runs) == 2


def test_images_that_look_otherwise(schedule):
    stand_in.add_images(schedule.root, count=20, seed=300)
    schedule.tick()
    schedule.arguments += ["--triggers.new-fraction", "9"]
    for index in range(20):
        with Image.open(schedule.root / "cat" / f"300_{index}.jpg") as image:
            dark = image.point(lambda value: value // 6)
        dark.save(schedule.root / "cat" / f"dark{index}.jpg")
    schedule.arguments += ["--triggers.label-drift", "false"]
    schedule.tick()
    assert "20 new images: their brightness moved from" in schedule.lines[-2]


def test_other_shares_of_the_classes(schedule):
    stand_in.add_images(schedule.root, count=20, seed=300)
    schedule.tick()
    schedule.arguments += ["--triggers.new-fraction", "9"]
    stand_in.add_images(schedule.root, count=20, seed=900, names=("dog",))
    schedule.tick()
    assert "most of all 'cat': 0%, before 50%" in schedule.lines[-2]


def test_unreadable_images_are_told_of_once_and_train_nothing(in_spans, tmp_path):
    notifications = notified(in_spans, tmp_path)
    in_spans.tick()
    spans(in_spans, 3)
    for path in (in_spans.root / "span-3").rglob("*.jpg"):
        path.write_bytes(path.read_bytes()[:-100])
    in_spans.tick()
    in_spans.tick()
    assert len(in_spans.runs) == 1
    assert in_spans.last == "8 new images in span 3, of which none can be read."
    assert [row["event"] for row in notifications()] == ["release", "failure"]
    # A good one goes on, whatever lies beside it.
    spans(in_spans, 4)
    in_spans.tick()
    assert "16 new images in spans 3, 4, of which 50% can be read" in in_spans.lines[-2]


def test_low_scores_of_the_served_model(schedule):
    scores = schedule.output.parent / "scores.jsonl"
    schedule.arguments += ["--triggers.confidence.file", str(scores)]
    schedule.arguments += ["--triggers.confidence.min-count", "5", "--triggers.new-fraction", "9"]
    schedule.tick()
    row = {"time": schedule.now.timestamp() + 60, "score": 0.7}
    scores.write_text("\n".join([json.dumps(row)] * 5))
    schedule.tick()
    assert schedule.lines[-1] == (
        "Nothing new: 8 images, all of which the last run had. The served model's mean score fell"
        " to 70.0% over 5 answers, from 95.0% on its test images; 10 points are allowed."
    )
    stand_in.add_images(schedule.root, count=1, seed=50)
    schedule.tick()
    assert "mean score fell to 70.0%" in schedule.lines[-2]


def test_an_old_model_is_renewed_when_there_is_something_new(schedule):
    schedule.arguments += ["--triggers.max-age-days", "3", "--triggers.new-fraction", "9"]
    schedule.tick()
    stand_in.add_images(schedule.root, count=1, seed=50)
    schedule.tick()
    schedule.tick()
    assert len(schedule.runs) == 1
    schedule.tick()
    assert "3 days old" in schedule.lines[-2]


def test_a_failure_is_tried_again_and_then_given_up(schedule, tmp_path):
    notifications = notified(schedule, tmp_path)
    schedule.codes = [1, 1, 1]
    assert [schedule.tick() for _ in range(4)] == [1, 1, 1, 0]
    assert len(schedule.runs) == 3
    assert "2 of 3 attempts failed; tried again" in "".join(schedule.lines)
    assert decision(schedule) == "waiting"
    stand_in.add_images(schedule.root, count=1, seed=50)
    assert schedule.tick() == 0
    assert schedule.last.startswith("Released")
    assert [row["event"] for row in notifications()] == ["failure"] * 3 + ["release"]


def test_a_data_error_waits_for_other_data_or_settings(schedule):
    schedule.codes = [2]
    assert schedule.tick() == 2
    assert schedule.tick() == 0
    assert decision(schedule) == "waiting"
    schedule.arguments += ["--", "--seed", "5"]
    schedule.tick()
    assert len(schedule.runs) == 2
    assert schedule.runs[-1][-2:] == ["--seed", "5"]


def test_a_refusal_is_told_and_not_repeated(schedule, tmp_path):
    notifications = notified(schedule, tmp_path)
    schedule.codes = [3]
    assert schedule.tick() == 3
    assert schedule.tick() == 0
    assert len(schedule.runs) == 1
    (row,) = notifications()
    assert row["event"] == "refusal"
    assert row["text"] == "photos: Refused, accuracy 90.0% on 1 images. It did not do well."


def test_another_run_in_the_output_folder_is_waited_for(schedule):
    schedule.codes = [run_process.LOCKED]
    assert schedule.tick() == run_process.LOCKED
    assert "the next tick tries again" in schedule.last
    assert schedule.tick() == 0
    assert schedule.last.startswith("Released")


def test_a_tick_that_finds_the_last_run_under_way_is_left_out(schedule):
    """Two schedulers, or a run that outlived its own: the lock says so."""
    with schedule.started()._store.lock() as lock:
        assert lock is not None
        assert schedule.tick() == 0
    assert schedule.runs == []
    assert schedule.last == "The last run is still under way; this tick is skipped."


def test_a_killed_scheduler_takes_over_what_its_run_came_to(schedule, monkeypatch):
    class Killed(BaseException):
        pass

    def finishes_alone(self, arguments, log, lock, timeout_s):
        self.runs.append(arguments)
        self.leave(0, arguments)
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(stand_in.Schedule, "run", finishes_alone)
        with pytest.raises(Killed):
            schedule.tick()
    assert schedule.tick() == 0
    assert len(schedule.runs) == 1
    assert schedule.lines[1].startswith("Released: version ")
    assert decision(schedule) == "nothing_new"


def test_a_run_that_died_with_its_scheduler_is_begun_again(schedule):
    schedule.codes = [run_process.INTERRUPTED]
    assert schedule.tick() == run_process.INTERRUPTED
    assert schedule.tick() == 0
    assert "its reason was: No run has finished yet" in schedule.lines[-2]
    assert schedule.last.startswith("Released")
    assert schedule.started().state().under_way is None


def test_while_watching_a_folder_must_rest_and_a_line_is_not_repeated(schedule):
    schedule.mode = "--watch"
    watching = schedule.started()
    watching.tick()
    assert schedule.lines == ["The folder is still changing; waiting until it is stable."]
    stand_in.add_images(schedule.root, count=1, seed=50)
    watching.tick()
    assert schedule.runs == []
    watching.tick()
    assert len(schedule.runs) == 1
    said = len(schedule.lines)
    watching.tick()
    watching.tick()
    assert schedule.lines[said:] == ["Nothing new: 10 images, all of which the last run had."]


def test_a_missing_folder_is_an_error_and_not_the_end(schedule, tmp_path):
    notifications = notified(schedule, tmp_path)
    shutil.move(schedule.root, tmp_path / "away")
    assert schedule.tick() == 2
    assert schedule.tick() == 2
    assert schedule.last == f"The data folder {schedule.root} does not exist."
    assert len(notifications()) == 1
    shutil.move(tmp_path / "away", schedule.root)
    assert schedule.tick() == 0


def test_what_could_not_be_delivered_is_sent_at_the_next_tick(schedule, tmp_path):
    notifications = notified(schedule, tmp_path)
    os.chmod(tmp_path / "hook", 0o600)
    schedule.tick()
    assert "Not notified of the release: The command" in schedule.last
    os.chmod(tmp_path / "hook", 0o700)
    schedule.tick()
    assert [row["event"] for row in notifications()] == ["release"]
    schedule.tick()
    assert len(notifications()) == 1


def test_a_state_that_is_none_is_told(schedule):
    schedule.tick()
    (schedule.output / "schedule" / "photos" / "state.json").write_text("{")
    with pytest.raises(tick.errors.UserError, match=r"state\.json cannot be used"):
        schedule.tick()


def test_a_person_who_rolled_back_is_believed(schedule):
    schedule.tick()
    place = facts.Place.of(
        config.parse(
            ["--data-dir", str(schedule.root), "--output-dir", str(schedule.output), "--once"]
        )
    )
    version = facts.served(place)
    saved_models.damage(place.serving_dir / "9999999999")
    assert facts.served(place) == version
    (place.serving_dir / ".withdrawn").mkdir()
    (place.serving_dir / version).rename(place.serving_dir / ".withdrawn" / version)
    assert facts.served(place) is None
    schedule.tick()
    assert decision(schedule) == "nothing_new"


def notified(schedule: stand_in.Schedule, tmp_path: Path):
    """Notifications go to a command that appends them to a file; gives a reader of it."""
    hook, path = tmp_path / "hook", tmp_path / "notified.jsonl"
    hook.write_text(
        f"#!{sys.executable}\nimport sys\nopen({str(path)!r}, 'a').write(sys.stdin.read() + '\\n')\n"
    )
    os.chmod(hook, 0o700)
    schedule.arguments += ["--notify.command", str(hook)]

    def read() -> list[dict]:
        lines = path.read_text().splitlines() if path.exists() else []
        return [json.loads(line) for line in lines]

    return read
