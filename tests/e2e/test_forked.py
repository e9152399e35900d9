"""A forked run is a process as any other: how it ends, what it says, and what it does not share."""

import os
import signal
import time

import pytest

from benchmarks import process_tree
from tests import costs, processes, whole_runs

pytestmark = pytest.mark.xdist_group("runs")


@pytest.fixture
def started(forked, class_folders, tmp_path):
    """A run that has begun to ingest, and the file with its output."""
    out, err = tmp_path / "stdout", tmp_path / "stderr"
    flags = ["--data-dir", class_folders, "--output-dir", tmp_path / "out"]
    process = forked.start(flags, out, err)
    deadline = time.monotonic() + 120
    while not (out.exists() and "ImageFolderExampleGen …" in out.read_text()):
        assert process.exitcode is None, err.read_text()
        assert time.monotonic() < deadline
        time.sleep(0.02)
    yield process, err
    process.kill()
    process.join()
    process.close()


def test_a_mistake_is_answered_as_by_the_real_command_line(forked, tmp_path):
    flags = ["--data-dir", tmp_path / "none", "--output-dir", tmp_path / "out"]
    real, fork = whole_runs.run(*flags), forked.run(*flags)
    assert (fork.returncode, fork.stdout, fork.stderr) == (2, real.stdout, real.stderr)
    assert real.returncode == 2
    assert real.stderr.startswith("Error: ")


@pytest.mark.parametrize(
    ("number", "code", "word"),
    [(signal.SIGTERM, 143, "Terminated."), (signal.SIGINT, 130, "Interrupted.")],
)
def test_it_ends_by_a_signal_as_a_process_of_its_own(started, number, code, word):
    process, err = started
    os.kill(process.pid, number)
    process.join(120)
    assert process.exitcode == code
    (line,) = err.read_text().splitlines()
    assert line.startswith(word)


def test_it_can_be_killed_and_leaves_no_process(started):
    process, _ = started
    children = process_tree.below(process.pid)
    process.kill()
    process.join(60)
    assert process.exitcode == -signal.SIGKILL
    assert all(processes.ends(child) for child in children)


def test_the_server_refuses_to_fork_when_threads_would_be_lost(monkeypatch):
    monkeypatch.setattr(whole_runs, "threads", lambda pid: {"jemalloc_bg_thd", "grpc_global_tim"})
    with pytest.raises(RuntimeError, match=r"lose the threads \{'grpc_global_tim'\}"):
        whole_runs.check_fork()


def test_what_a_fork_costs_is_in_the_table_of_costs(forked, tmp_path):
    script = tmp_path / "busy.py"
    script.write_text("import time\nwhile time.process_time() < 0.5: pass\n")
    before = costs.now()
    assert forked.run(script=script).returncode == 0
    wall_s, cpu_s = (end - start for start, end in zip(before, costs.now(), strict=True))
    assert 0.4 < cpu_s <= wall_s + 1
