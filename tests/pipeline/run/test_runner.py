"""Retries, timeouts, parts of a run and what a killed run leaves, on a pipeline of no weight."""

import errno
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from ml_metadata.proto import metadata_store_pb2
from tfx.orchestration import metadata

from data import errors
from pipeline import output_folder
from pipeline.history import database
from pipeline.run import dry_run, failures, timeouts
from pipeline.settings import step_selection
from tests.pipeline import tiny

ROOT = Path(__file__).resolve().parents[3]
State = metadata_store_pb2.Execution


@pytest.fixture(autouse=True)
def no_behaviour():
    yield
    tiny.behaviour.clear()


def raising(*raised: Exception | None):
    """One of them at each call; then nothing."""
    waiting = list(raised)

    def behave() -> None:
        error = waiting.pop(0) if waiting else None
        if error:
            raise error

    return behave


def executions(output: Path) -> list[metadata_store_pb2.Execution]:
    with metadata.Metadata(
        database.connection_config(output_folder.OutputFolder(output).metadata)
    ) as handle:
        return sorted(handle.store.get_executions(), key=lambda one: one.id)


def states(output: Path) -> list[str]:
    return [State.State.Name(one.last_known_state) for one in executions(output)]


def test_an_error_that_passes_is_tried_again(tmp_path):
    tiny.behaviour["Double"] = raising(OSError(errno.EIO, "Input/output error"), ConnectionError())
    ran = tiny.Ran(tmp_path, "1", retries=2)
    assert ran.error is None
    assert ran.sum == 3
    assert (
        ran.listener.notes[3]
        == "Double: OSError: [Errno 5] Input/output error; retry 1 of 2 in 0 s"
    )
    assert ran.listener.notes[4].startswith("Double: ConnectionError: ")
    assert states(tmp_path) == ["COMPLETE"] * 3  # one execution a step, however many tries


def test_at_last_it_fails_and_the_next_run_goes_on_from_there(tmp_path):
    tiny.behaviour["Double"] = raising(*[OSError(errno.EIO, "Input/output error")] * 2)
    ran = tiny.Ran(tmp_path, "1", retries=1)
    assert str(ran.error) == "Double failed: OSError: [Errno 5] Input/output error"
    again = tiny.Ran(tmp_path, "2")
    assert again.executed == ["Double", "Add"]
    assert again.killed == []  # it failed, it was not killed


@pytest.mark.parametrize("error", [TypeError("a fault"), errors.DataError("bad data")], ids=repr)
def test_other_errors_are_not_tried_again(tmp_path, error):
    tiny.behaviour["Double"] = raising(error)
    ran = tiny.Ran(tmp_path, "1", retries=5)
    assert ran.error is not None
    assert ran.listener.notes[-2:] == ["Double starts", "Double failed"]


def test_a_full_disk_is_told_and_the_next_run_goes_on(tmp_path):
    tiny.behaviour["Double"] = raising(OSError(errno.ENOSPC, "No space left", str(tmp_path / "x")))
    ran = tiny.Ran(tmp_path, "1", retries=5)
    assert isinstance(ran.error, failures.NoSpaceError)
    assert f"The disk of {tmp_path} is full" in str(ran.error)
    assert not list((tmp_path / "artifacts" / "tiny" / "Double" / "number").iterdir())
    assert tiny.Ran(tmp_path, "2").executed == ["Double", "Add"]


def test_a_step_that_takes_too_long_ends_and_its_output_is_cleared(tmp_path):
    tiny.behaviour["Double"] = lambda: time.sleep(60)
    ran = tiny.Ran(tmp_path, "1", timeout_s=0.5)
    assert isinstance(ran.error, timeouts.StepTimeoutError)
    assert "Double took longer than its limit of 0.5 s" in str(ran.error)
    assert states(tmp_path)[-1] == "RUNNING"
    timeouts.disarm()  # or the process would be ended
    tiny.behaviour.clear()
    again = tiny.Ran(tmp_path, "2", timeout_s=60)
    assert [one.step for one in again.killed] == ["Double"]
    assert again.executed == ["Double", "Add"]


STUCK = """
import ctypes, signal
from pipeline.run import timeouts
def give_up(error):
    print("gave up:", error, flush=True)
with timeouts.limit("Trainer", 0.3, 0.5, give_up):
    # Or poll would be interrupted; code in C need not be.
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGALRM])
    ctypes.LIBRARY(None).poll(None, 0, 60_000)
"""


@pytest.mark.parametrize(
    ("library", "printed"),
    [
        ("CDLL", "gave up: Trainer took"),  # without the interpreter's lock: the thread ends it
        ("PyDLL", ""),  # with the lock: no code of Python's runs any more
    ],
)
def test_what_does_not_end_by_itself_is_ended(library, printed):
    command = [sys.executable, "-c", STUCK.replace("LIBRARY", library)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=60)
    assert done.returncode == 1
    assert done.stdout.startswith(printed)
    assert printed or "Timeout" in done.stderr


KILLED = """
import os, signal, sys
from pathlib import Path
from tests.pipeline import tiny
tiny.behaviour["Double"] = lambda: os.kill(os.getpid(), signal.SIGKILL)
tiny.Ran(Path(sys.argv[1]), "1")
"""


@pytest.mark.xdist_group("runs")
def test_what_a_killed_run_left_is_put_right(tmp_path, tmp_path_factory, forked):
    script = tmp_path_factory.mktemp("killed") / "killed.py"
    script.write_text(KILLED)
    done = forked.run(tmp_path, script=script)
    assert done.returncode == -signal.SIGKILL, done.stderr
    left = tmp_path / "artifacts" / "tiny" / "Double" / "number" / "2"
    assert (left / "number").exists()
    assert states(tmp_path) == ["COMPLETE", "RUNNING"]
    bystander = left.with_name("7")
    bystander.mkdir()
    again = tiny.Ran(tmp_path, "2")
    (killed,) = again.killed
    assert (killed.step, killed.execution_id) == ("Double", 2)
    assert left in killed.deleted
    assert not left.exists()
    assert bystander.exists()
    assert again.executed == ["Double", "Add"]
    assert again.sum == 3
    assert states(tmp_path) == ["COMPLETE", "FAILED", "CACHED", "COMPLETE", "COMPLETE"]
    # The numbers of the folders are those of executions: what is finished stays.
    assert tiny.Ran(tmp_path, "3").executed == []


def test_a_part_takes_the_rest_from_the_last_good_run(tmp_path):
    assert "no run on this output folder finished" in str(
        tiny.Ran(tmp_path, "0", asked=step_selection.Parts(first="Double")).error
    )
    tiny.Ran(tmp_path, "1")
    tiny.behaviour["Make"] = raising(TypeError())
    assert tiny.Ran(tmp_path, "2", value=5).error is not None
    tiny.behaviour.clear()
    # Make itself would run anew with the other value; it is left out.
    ran = tiny.Ran(tmp_path, "3", value=5, code="c2", asked=step_selection.Parts(first="Add"))
    assert ran.error is None
    assert ran.executed == ["Add"]
    assert ran.listener.notes == ["Make cached", "Double cached", "Add starts", "Add ran"]
    assert ran.sum == 3
    begun = tiny.Ran(tmp_path, "4", value=5, asked=step_selection.Parts(last="Double"))
    assert begun.executed == ["Make", "Double"]
    assert [step.name for step in begun.steps] == ["Make", "Double"]


def test_a_forced_step_runs_and_so_do_those_that_take_its_output(tmp_path):
    tiny.Ran(tmp_path, "1")
    assert tiny.Ran(tmp_path, "2", asked=step_selection.Parts(forced=("Double",))).executed == [
        "Double",
        "Add",
    ]
    assert tiny.Ran(tmp_path, "3").executed == []


def planned(
    output: Path, scratch: Path, asked=step_selection.WHOLE, **changes
) -> list[tuple[str, str, str]]:
    scratch.mkdir()
    pipeline = tiny.build(output, **changes)
    return [(one.step, one.action, one.reason) for one in dry_run.plan(pipeline, asked, scratch)]


def test_a_dry_run_tells_what_the_run_then_does_and_writes_nothing(tmp_path):
    output = tmp_path / "out"
    assert planned(output, tmp_path / "a") == [
        ("Make", "run", "never ran"),
        ("Double", "run", "takes what Make will make"),
        ("Add", "run", "takes what Make and Double will make"),
    ]
    assert not output.exists()
    output.mkdir()
    tiny.Ran(output, "1")
    before = {path: path.stat().st_mtime_ns for path in output.rglob("*")}
    assert {action for _, action, _ in planned(output, tmp_path / "b")} == {"cached"}
    assert planned(output, tmp_path / "c", code="c2")[2] == ("Add", "run", "changed code")
    assert planned(output, tmp_path / "d", value=2)[0] == (
        "Make",
        "run",
        "changed config: value 1 → 2",
    )
    forced = planned(output, tmp_path / "e", step_selection.Parts(forced=("Double",)))
    assert forced[:2] == [("Make", "cached", ""), ("Double", "run", "forced")]
    assert planned(output, tmp_path / "f", step_selection.Parts(last="Make"), code="c2")[1:] == [
        ("Double", "left out", ""),
        ("Add", "left out", ""),
    ]
    assert {path: path.stat().st_mtime_ns for path in output.rglob("*")} == before
    assert tiny.Ran(output, "2", code="c2").executed == ["Add"]


def test_a_dry_run_sees_that_an_output_is_gone(tmp_path):
    ran = tiny.Ran(tmp_path, "1")
    os.rename(ran.steps[1].uri("number"), tmp_path / "moved")
    assert planned(tmp_path, tmp_path / "scratch")[1] == (
        "Double",
        "run",
        "its earlier output is gone, or TFX changed",
    )
