import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from pipeline.scheduled import run_process, state
from pipeline.wiring import code_fingerprint


@pytest.fixture
def script(tmp_path, monkeypatch):
    """Takes the place of run_local.py; gives a function that says what it does."""
    path = tmp_path / "script.py"
    monkeypatch.setattr(run_process, "SCRIPT", path)

    def write(code: str) -> None:
        path.write_text(f"import os, signal, sys, time\n{code}\n")

    return write


def run(tmp_path, runner=None, timeout_s=60.0, arguments=()) -> int:
    with state.Store(tmp_path / "state").lock() as lock:
        return (runner or run_process.Runner()).run(
            list(arguments), tmp_path / "logs" / "log", lock, timeout_s
        )


def test_the_real_command_line_and_its_words(tmp_path):
    """No stand-in: run_local.py itself refuses a folder that is not there."""
    log = tmp_path / "logs" / "log"
    arguments = ["--data-dir", str(tmp_path / "no"), "--output-dir", str(tmp_path / "out")]
    assert run(tmp_path, arguments=arguments) == 2
    result = run_process.Result(2, run_process.read_summary(tmp_path / "out"), log)
    assert result.summary is None
    assert result.message == f"The data folder {tmp_path / 'no'} does not exist."


def test_exit_codes_and_output(tmp_path, script):
    script("print('one', flush=True); sys.exit('two')")
    assert run(tmp_path) == 1
    assert (tmp_path / "logs" / "log").read_text() == "one\ntwo\n"
    assert run_process.Result(1, None, tmp_path / "logs" / "log").message == "two"


def test_a_run_that_takes_too_long_is_ended_with_its_children(tmp_path, script, monkeypatch):
    monkeypatch.setattr(run_process, "GRACE_S", 0.2)
    script(
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "if not os.fork(): time.sleep(60)\n"
        "open(sys.argv[1], 'w').write('up'); time.sleep(60)"
    )
    up = tmp_path / "up"
    assert run(tmp_path, timeout_s=1.5, arguments=[str(up)]) == run_process.TIMED_OUT
    assert up.exists()
    # Whoever of them lived would still hold the lock.
    deadline = time.monotonic() + 10
    while not free(tmp_path):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_told_to_stop_it_ends_as_interrupted(tmp_path, script):
    script("open(sys.argv[1], 'w'); time.sleep(60)")
    runner, up = run_process.Runner(), tmp_path / "up"

    def stop() -> None:
        while not up.exists():
            time.sleep(0.01)
        runner.stop()

    thread = threading.Thread(target=stop)
    thread.start()
    assert run(tmp_path, runner, arguments=[str(up)]) == run_process.INTERRUPTED
    thread.join()


@pytest.mark.parametrize("code", ["sys.exit(143)", "os.kill(os.getpid(), signal.SIGTERM)"])
def test_terminated_by_someone_else_it_was_interrupted_too(tmp_path, script, code):
    script(code)
    assert run(tmp_path) == run_process.INTERRUPTED


def test_a_run_holds_the_lock_though_its_scheduler_was_killed(tmp_path, script):
    script("open(sys.argv[1], 'w').write(str(os.getpid())); time.sleep(60)")
    pid_file = tmp_path / "pid"
    code = (
        "import pathlib, sys; from pipeline.scheduled import run_process, state\n"
        "place = pathlib.Path(sys.argv[1]); run_process.SCRIPT = place / 'script.py'\n"
        "with state.Store(place / 'state').lock() as lock:\n"
        "    run_process.Runner().run([sys.argv[2]], place / 'log', lock, 60)"
    )
    scheduler = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path), str(pid_file)], cwd=code_fingerprint.ROOT
    )
    while not (pid_file.exists() and pid_file.read_text()):
        time.sleep(0.01)
    scheduler.kill()
    scheduler.wait()
    assert not free(tmp_path)
    os.kill(int(pid_file.read_text()), signal.SIGKILL)
    deadline = time.monotonic() + 10
    while not free(tmp_path):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def free(tmp_path) -> bool:
    with state.Store(tmp_path / "state").lock() as lock:
        return lock is not None
