"""One run at a time in an output folder, whatever became of the last one."""

import os
import signal
import subprocess
import sys
import time

import pytest

from pipeline import output_folder
from pipeline.run import lock

HOLD = """
import sys, time
from pathlib import Path
from pipeline.run import lock
with lock.held(Path(sys.argv[1]), "run-1"):
    print("held", flush=True)
    {then}
"""


def holder(output, then="time.sleep(600)") -> subprocess.Popen:
    code = HOLD.format(then=then)
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(output)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "held\n"
    return process


def end(process) -> None:
    process.kill()
    process.wait()
    process.stdout.close()


def test_a_second_run_is_told_who_holds_the_folder(tmp_path):
    process = holder(tmp_path)
    try:
        with (
            pytest.raises(
                lock.OutputBusyError, match=r"is in use, by run run-1 \(process"
            ) as caught,
            lock.held(tmp_path, "run-2"),
        ):
            pass
        assert str(process.pid) in str(caught.value)
        assert len(caught.value.problems) == 1
        assert (
            lock.Holder.model_validate_json(
                output_folder.OutputFolder(tmp_path).lock.read_text()
            ).run_id
            == "run-1"
        )
    finally:
        end(process)


def test_the_lock_of_a_killed_run_is_gone_with_it(tmp_path):
    process = holder(tmp_path)
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    left = output_folder.OutputFolder(tmp_path).lock
    assert '"run-1"' in left.read_text()
    with left.open("a") as file:
        file.write(" " * 80 + "longer than what comes")
    with lock.held(tmp_path, "run-2"):
        assert (
            lock.Holder.model_validate_json(
                output_folder.OutputFolder(tmp_path).lock.read_text()
            ).run_id
            == "run-2"
        )


def test_waiting_until_the_other_run_ends(tmp_path):
    process = holder(tmp_path)
    lines = []

    def released(line: str) -> None:
        lines.append(line)
        process.kill()

    with lock.held(tmp_path, "run-2", wait_s=60, announce=released):
        pass
    end(process)
    assert len(lines) == 1
    assert lines[0].startswith("waiting for run run-1 (process ")


def test_waiting_in_vain(tmp_path):
    process = holder(tmp_path)
    try:
        with (
            pytest.raises(lock.OutputBusyError, match=r"still, after 0\.2 s"),
            lock.held(tmp_path, "run-2", wait_s=0.2, announce=[].append),
        ):
            pass
    finally:
        end(process)


def test_a_child_process_does_not_hold_the_lock_of_its_run(tmp_path):
    process = holder(
        tmp_path,
        "import subprocess; child = subprocess.Popen(['sleep', '60'], close_fds=False)\n"
        "    print(child.pid, flush=True); time.sleep(600)",
    )
    child = int(process.stdout.readline())
    try:
        end(process)
        with lock.held(tmp_path, "run-2"):
            pass
    finally:
        os.kill(child, signal.SIGKILL)


def test_time_does_not_matter(tmp_path):
    output_folder.OutputFolder(tmp_path).lock.write_text("not JSON")
    os.utime(output_folder.OutputFolder(tmp_path).lock, (time.time() + 1e6,) * 2)
    with lock.held(tmp_path, "run-1"):
        pass
