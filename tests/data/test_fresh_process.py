"""A process of its own: how it ends is told, and it finds the project."""

import os

import pytest

from data import fresh_process


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
