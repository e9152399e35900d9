"""Runs that are killed, find no space or meet another one; ``benchmarks/kills.py`` has them all."""

import json
import os
import shutil
import signal
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from benchmarks import kills
from data.sources import digits
from pipeline.run import lock
from tests import whole_runs

pytestmark = pytest.mark.landing

SIZE_MIB = 600  # the pipeline begins with no less than half of it


@dataclass
class Story:
    """One output folder, and what befell the runs in it."""

    output: Path
    whole: dict
    killed: list[kills.Run] = field(default_factory=list)
    full: kills.Run | None = None
    second: subprocess.CompletedProcess | None = None
    last: kills.Run | None = None


def mounted(path: Path) -> bool:
    """Mounts a small disk in memory, where that is allowed."""
    path.mkdir()
    mount = shutil.which("mount")
    if mount is None:
        return False
    command = [mount, "-t", "tmpfs", "-o", f"size={SIZE_MIB}m", "tmpfs", path]
    return subprocess.run(command, capture_output=True).returncode == 0


def fill(folder: Path) -> None:
    with (folder / "filler").open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError:
            return


@pytest.fixture(scope="module")
def story(tmp_path_factory):
    root = tmp_path_factory.mktemp("killed")
    data = digits.export(root / "digits", kills.PER_CLASS)
    recipe = root / "recipe.yaml"
    recipe.write_text(kills.FROM_SCRATCH)
    undisturbed = kills.execute(data, root / "whole", recipe)
    assert undisturbed.code in (0, 3), undisturbed.shown
    found = Story(root / "disk" / "out", kills.result(root / "whole"))
    disk = mounted(root / "disk")

    def fill_disk(process, step, ended) -> None:
        if step == "Evaluator" and not ended:
            fill(found.output)

    def start_a_second(process, step, ended) -> None:
        if found.second is None:
            flags = ["--data-dir", data, "--output-dir", found.output]
            found.second = whole_runs.run(*flags)

    try:
        # The first is short, and on a machine that is less busy by now it may take half the time.
        for step, share in (("ImageFolderExampleGen", 0.25), ("Trainer", 0.5)):
            killer = kills.Killer(step, share * undisturbed.seconds[step])
            found.killed.append(kills.execute(data, found.output, recipe, killer))
        if disk:
            found.full = kills.execute(data, found.output, recipe, fill_disk)
            (found.output / "filler").unlink()
        found.last = kills.execute(data, found.output, recipe, start_a_second)
        yield found
    finally:
        if disk:
            subprocess.run([str(shutil.which("umount")), "--lazy", root / "disk"], check=True)


def test_the_same_command_finishes_with_the_same_result(story):
    assert [run.code for run in story.killed] == [-signal.SIGKILL] * 2
    assert story.last.code in (0, 3), story.last.shown
    assert kills.differences(story.whole, kills.result(story.output)) == []


def test_the_next_run_says_where_the_last_was_killed_and_goes_on_from_there(story):
    line = "An earlier run was killed in ImageFolderExampleGen; this one continues there."
    assert line in story.killed[1].shown
    after = story.killed[1].shown
    assert "ImageFolderExampleGen …" in after
    (summary,) = [json.loads((story.output / "summary.json").read_text())]
    cached = {step["name"] for step in summary["steps"] if step["cached"]}
    assert {"ImageFolderExampleGen", "Preprocess"} <= cached


def test_a_full_disk_is_told_in_one_message_and_the_same_command_goes_on(story):
    if story.full is None:
        pytest.skip("no disk can be mounted here")
    assert story.full.code == 1, story.full.shown
    shown = "\n".join(story.full.shown)
    assert f"The disk of {story.output}" in shown
    assert "bytes are free now" in shown
    assert "continues after the last finished step" in shown
    assert "Traceback" not in shown
    assert story.last.code in (0, 3)


def test_a_second_run_on_the_folder_ends_with_one_sentence(story):
    assert story.second.returncode == lock.OutputBusyError.exit_code
    assert story.second.stdout == ""
    (line,) = story.second.stderr.splitlines()
    assert line.startswith(f"Error: The output folder {story.output} is in use, by run ")
    assert f"on {os.uname().nodename}" in line
