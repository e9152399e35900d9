import itertools
import os
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from components.pusher import push
from data import errors
from serving import served_version
from serving.versions import versions as version_rules
from tests import saved_models
from tests.components.pusher import made

ROOT = Path(__file__).resolve().parents[3]

# Ends itself with SIGKILL just before the n-th step that touches the disk.
KILLED = """
import os, pathlib, signal, sys
from components.pusher import push

model, folder, last = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]), int(sys.argv[3])
steps = 0

def step(event, arguments):
    global steps
    if event.split(".")[0] in ("open", "os", "shutil") and str(folder) in str(arguments):
        steps += 1
        if steps == last:
            os.kill(os.getpid(), signal.SIGKILL)

sys.addaudithook(step)
push.push(model, folder, 2)
"""


@pytest.fixture
def models(tmp_path):
    """Models a, b, c … and a folder for their versions."""
    return {name: made.model(tmp_path / name, name) for name in "abcdef"}


@pytest.fixture
def serving_dir(tmp_path):
    return tmp_path / "serving" / "m"


def versions(folder: Path) -> dict[int, str]:
    """Number → content of what a server can see; every one must be whole."""
    found = {}
    for path in folder.iterdir():
        if path.name.isdecimal():
            content = (path / "assets" / "labels.txt").read_text().split()[0]
            assert push.same(path, folder.parents[1] / content)
            found[int(path.name)] = content
    return found


def leftovers(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir() if path.name.startswith((".push", ".del"))]


def put(source: Path, serving_dir: Path, number: int) -> None:
    shutil.copytree(source, serving_dir / f"{number}")


def test_a_push_is_a_copy_named_by_the_second(models, serving_dir):
    before = int(time.time())
    outcome = push.push(models["a"], serving_dir)
    assert before <= outcome.number <= time.time()
    assert outcome.result is push.Result.PUSHED
    assert outcome.sentence == f"Version {outcome.number} was pushed."
    assert outcome.path == serving_dir / str(outcome.number)
    assert versions(serving_dir) == {outcome.number: "a"}
    assert leftovers(serving_dir) == [push.LOCK_FILE]
    assert outcome.path.stat().st_mode & 0o777 == models["a"].stat().st_mode & 0o777


def test_versions_rise_within_a_second_and_when_the_clock_goes_back(
    models, serving_dir, monkeypatch
):
    for now, name, expected in (
        (1000.9, "a", 1000),
        (1000.9, "b", 1001),
        (20.0, "c", 1002),
        (-5.0, "d", 1003),
        (2000.0, "e", 2000),
    ):
        monkeypatch.setattr(time, "time", lambda now=now: now)
        assert push.push(models[name], serving_dir).number == expected
    assert versions(serving_dir) == {1000: "a", 1001: "b", 1002: "c", 1003: "d", 2000: "e"}


def test_the_number_is_above_those_taken_back_and_half_ones(tmp_path):
    (tmp_path / served_version.WITHDRAWN / "3000").mkdir(parents=True)
    assert push.next_number(tmp_path, 1000) == 3001
    (tmp_path / "4000").write_text("a file in the way")
    assert push.next_number(tmp_path, 1000) == 4001


def test_what_is_served_is_not_pushed_again(models, serving_dir):
    first = push.push(models["a"], serving_dir)
    # A trial on a server adds this to its copy of the model.
    warm_up = models["a"] / push.WARM_UP_FILE
    warm_up.parent.mkdir()
    warm_up.write_bytes(b"requests")
    again = push.push(models["a"], serving_dir)
    assert (again.number, again.path) == (first.number, first.path)
    assert again.result is push.Result.SERVED_BEFORE
    push.push(models["b"], serving_dir)
    assert push.push(models["a"], serving_dir).pushed  # there, but not what is served
    (models["a"] / "assets" / "labels.txt").write_text("a assets/labels.TXT")
    assert push.push(models["a"], serving_dir).pushed


def test_what_was_taken_back_is_not_pushed_again(models, serving_dir):
    put(models["a"], serving_dir, 1)
    put(models["b"], serving_dir / served_version.WITHDRAWN, 2)
    outcome = push.push(models["b"], serving_dir, keep_versions=1)
    assert (outcome.number, outcome.result) == (2, push.Result.WITHDRAWN_BEFORE)
    assert outcome.path == serving_dir / served_version.WITHDRAWN / "2"
    assert outcome.path.exists()
    assert outcome.sentence == (
        "The same model was withdrawn as version 2; to serve it, run"
        f" python -m serving promote 2 --model-dir {serving_dir}."
    )
    assert versions(serving_dir) == {1: "a"}
    assert push.push(models["c"], serving_dir).pushed


def test_retention_keeps_the_highest_and_what_was_served(models, serving_dir):
    for number, name in ((1, "a"), (2, "b"), (3, "c")):
        put(models[name], serving_dir, number)
    put(models["d"], serving_dir / served_version.WITHDRAWN, 4)
    put(models["e"], serving_dir / served_version.WITHDRAWN, 5)
    assert served_version.served(serving_dir) == 3
    outcome = push.push(models["f"], serving_dir, keep_versions=2)
    # 3 was served until now: a server that is just starting may be loading it.
    assert outcome.deleted == (1, 2, 4)
    assert versions(serving_dir) == {3: "c", outcome.number: "f"}
    assert [path.name for path in (serving_dir / served_version.WITHDRAWN).iterdir()] == ["5"]
    again = push.push(models["f"], serving_dir, keep_versions=1)
    assert again.deleted == (3, 5)
    assert versions(serving_dir) == {outcome.number: "f"}


def test_a_kill_at_any_step_leaves_whole_versions_and_the_next_push_works(
    models, tmp_path, serving_dir
):
    for number, name in ((1, "a"), (2, "b")):
        put(models[name], serving_dir, number)
    seen = set()
    for steps in itertools.count(1):
        folder = tmp_path / "killed" / str(steps)
        shutil.copytree(serving_dir, folder)
        command = [sys.executable, "-c", KILLED, str(models["c"]), str(folder), str(steps)]
        code = subprocess.run(command, cwd=ROOT, env={**os.environ, "PYTHONPATH": ""}).returncode
        found = versions(folder)
        seen.add(tuple(found.values()))
        assert max(found.items())[1] in "bc"
        outcome = push.push(models["c"], folder, keep_versions=2)
        assert versions(folder) == {2: "b", outcome.number: "c"}
        assert leftovers(folder) == [push.LOCK_FILE]
        if code == 0:
            break
        assert code == -9
    assert steps > 20
    # Before the push, after it, and after what is old was deleted.
    assert {tuple(sorted(one)) for one in seen} == {("a", "b"), ("a", "b", "c"), ("b", "c")}


def test_a_reader_sees_whole_versions_alone_while_two_push(models, serving_dir):
    serving_dir.mkdir(parents=True)
    stop, looks, failures = threading.Event(), [], []

    def read():
        while not stop.is_set():
            try:
                looks.append(versions(serving_dir))
            except Exception as error:
                failures.append(error)

    def write(names):
        for name in names:
            push.push(models[name], serving_dir)

    reader = threading.Thread(target=read)
    writers = [threading.Thread(target=write, args=[names * 10]) for names in ("abc", "def")]
    for thread in (reader, *writers):
        thread.start()
    for thread in writers:
        thread.join()
    stop.set()
    reader.join()
    assert not failures
    assert looks
    # Each push is a version of its own, but for what was served at that moment.
    assert len(versions(serving_dir)) > 20
    assert leftovers(serving_dir) == [push.LOCK_FILE]


def test_what_cannot_be_pushed_is_said(models, tmp_path, monkeypatch):
    with pytest.raises(errors.PipelineError, match=r"none holds no saved_model\.pb"):
        push.push(tmp_path / "none", tmp_path / "serving")
    (tmp_path / "file").write_text("")
    with pytest.raises(errors.PipelineError, match=r"cannot be pushed to .*file: File exists\."):
        push.push(models["a"], tmp_path / "file")

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(push, "_flush", full)
    with pytest.raises(errors.PipelineError, match=r"No space left on device\."):
        push.push(models["a"], tmp_path / "serving")
    assert leftovers(tmp_path / "serving") == [push.LOCK_FILE]
    assert served_version.served(tmp_path / "serving") is None


def test_after_a_damaged_version_the_served_one_is_known_and_kept(models, serving_dir):
    put(models["a"], serving_dir, 1)
    saved_models.damage(serving_dir / "2")
    assert push.push(models["a"], serving_dir, keep_versions=1).number == 1
    outcome = push.push(models["b"], serving_dir, keep_versions=1)
    assert outcome.number > 2
    assert {1, outcome.number} == set(versions(serving_dir))


def test_rollback_and_promotion_of_the_model_server_are_heeded(models, serving_dir):
    first = push.push(models["a"], serving_dir)
    second = push.push(models["b"], serving_dir)
    version_rules.rollback(serving_dir)
    assert served_version.served(serving_dir) == first.number
    assert not push.push(models["b"], serving_dir).pushed
    version_rules.promote(serving_dir, second.number)
    assert push.push(models["b"], serving_dir).number == second.number
    assert served_version.served(serving_dir) == second.number
