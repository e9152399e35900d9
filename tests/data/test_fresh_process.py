"""A process of its own: how it ends is told, and it finds the project."""

import contextlib
import os
import time

import pytest

from data import fresh_process
from tests import processes


def test_a_process_that_takes_too_long_is_ended():
    with pytest.raises(fresh_process.ProcessError, match=r"it took more than 0\.1 s"):
        fresh_process.run("http.server", ["0", "--bind", "127.0.0.1"], time_limit_s=0.1)


def test_the_end_of_what_it_said_is_told():
    with pytest.raises(fresh_process.ProcessError, match=r"ended with 1:(\n  .*)*No module named"):
        fresh_process.run("data.nothing", [])
    said = fresh_process.last_lines("first\n\n" + "x" * 500 + "\n" * 3 + "last \n")
    assert said == "\n  first\n  " + "x" * fresh_process.LONGEST_LINE + "\n  last"
    assert fresh_process.last_lines("\n") == ""


def test_the_environment_is_this_one_s_with_what_is_needed(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", "/elsewhere")
    monkeypatch.setenv("TF_CPP_MIN_LOG_LEVEL", "1")
    found = fresh_process.variables()
    assert found["PYTHONPATH"] == f"{fresh_process.ROOT}{os.pathsep}/elsewhere"
    assert found["TF_CPP_MIN_LOG_LEVEL"] == "1"
    assert found["TF_FORCE_GPU_ALLOW_GROWTH"] == "true"


def test_a_worker_runs_one_module_after_the_other_in_one_process(tmp_path):
    path = tmp_path / "pid"

    def ran(worker: fresh_process.Worker) -> int:
        worker.run("tests.data.in_worker", ["", str(path)])
        return int(path.read_text())

    with contextlib.closing(fresh_process.Worker()) as worker:
        first = ran(worker)
        assert ran(worker) == first != os.getpid()
        with pytest.raises(fresh_process.ProcessError) as raised:
            worker.run("tests.data.in_worker", ["exit", ""])
        # What the modules before it printed is not told.
        assert str(raised.value) == (
            "its process ended with 1:\n  on standard output\n  and past Python"
            "\n  There is no such signature."
        )
        second = ran(worker)
        assert second != first and processes.ends(first)
        with pytest.raises(fresh_process.ProcessError, match=r"its process ended with -6:"):
            worker.run("tests.data.in_worker", ["die", ""])
        third = ran(worker)
        with pytest.raises(fresh_process.ProcessError, match=r"it took more than 0\.2 s"):
            worker.run("tests.data.in_worker", ["sleep", ""], 0.2)
        assert processes.ends(third)
        last = ran(worker)
    assert processes.ends(last)


def test_a_module_that_is_not_there_ends_a_worker_in_a_sentence():
    with pytest.raises(fresh_process.ProcessError) as raised:
        fresh_process.call("data.nothing", [])
    assert "No module named 'data.nothing'" in str(raised.value)
    with contextlib.closing(fresh_process.Worker("data.nothing")) as worker:
        time.sleep(1)  # It is imported meanwhile, and that is told when the process is needed.
        with pytest.raises(fresh_process.ProcessError, match=r"No module named 'data\.nothing'"):
            worker.run("tests.data.in_worker", ["", ""])
