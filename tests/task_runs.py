"""Whole runs of a task on one data folder, some of them killed. Nothing is imported from a test."""

import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks import kills
from data.corrections.decisions import Action
from pipeline.history import lineage
from pipeline.outcome import summary
from pipeline.review import preparing, project
from pipeline.review.queues import Kind


@dataclass(frozen=True)
class TaskRuns:
    """A scratch folder with the data of a task and its recipe.

    Attributes:
      root: the scratch folder.
      task: the name of the task.
      data: the data folder.
    """

    root: Path
    task: str
    data: Path

    def execute(self, output: str, *killer: kills.Killer, flags: Sequence[str] = ()) -> kills.Run:
        """Runs the pipeline, into an output folder of this name."""
        flags = ("--task", self.task, *flags)
        recipe = self.root / "recipe.yaml"
        return kills.execute(self.data, self.root / output, recipe, *killer, flags=flags)

    def succeeded(self, output: str) -> kills.Run:
        """Runs it, and what it trains is released."""
        run = self.execute(output)
        assert run.code == 0, run.shown
        return run

    def summary(self, output: str) -> summary.Summary:
        """What summary.json of an output folder says."""
        content = (self.root / output / "summary.json").read_text()
        return summary.Summary.model_validate_json(content)

    def predict(self, model_dir: str, images: Path, answers: Path, *flags: object) -> None:
        """Writes the answers about a folder of images, as a user does."""
        command = [sys.executable, "-m", "pipeline.predict", "--model-dir", model_dir, images]
        command += ["--output", answers, *flags]
        done = subprocess.run(
            list(map(str, command)), capture_output=True, text=True, cwd=kills.ROOT
        )
        assert done.returncode == 0, done.stderr

    def assert_killed_runs_finish(
        self, whole: str, run: kills.Run, at: Mapping[str, float]
    ) -> None:
        """Kills runs in the middle of steps; the same command then ends with the same result.

        Args:
          whole: the output folder of a run that was not disturbed.
          run: that run.
          at: step → the share of its time after which it is killed.
        """
        for step, share in at.items():
            killed = self.execute("killed", kills.Killer(step, share * run.seconds[step]))
            assert killed.code == -signal.SIGKILL, killed.shown
        self.succeeded("killed")
        results = [kills.result(self.root / output) for output in (whole, "killed")]
        assert kills.differences(*results) == []

    def assert_review_shows_and_drops(self, output: str) -> None:
        """Reviews a run's images: annotations are drawn, and the next ingest lacks a dropped image.

        It changes the summary of the output folder, so it comes last.
        """
        ready = preparing.prepare(project.Project.of(self.root / output), "ada", lambda _: None)
        about = {one["id"]: one["count"] for one in ready.session.about()["queues"]}
        assert about[Kind.OUTLIERS] > 0 and Kind.LABELS not in about
        (case,) = ready.session.cases(Kind.OUTLIERS, 0, 1)["cases"]
        (doubtful,) = case["images"]
        picture = np.zeros((96, 128, 3), np.uint8)
        # Not every image has an object, but some image of any few has one.
        drawn = [ready.annotations.drawn(number, picture) for number in range(8)]
        assert all(one.shape == picture.shape for one in drawn) and max(map(np.max, drawn)) > 0
        assert ready.model is not None and ready.model.version
        ready.session.decide(Kind.OUTLIERS, case["place"], Action.DROP)
        before = {one.path for one in ready.session.project.images}
        run = self.execute(output, flags=("--to", lineage.INGEST))
        assert run.code == 0, run.shown
        shown = "\n".join(run.shown)
        assert "corrections: 1 to drop (" in shown and "1 image dropped" in shown
        after = {one.path for one in project.Project.of(self.root / output).images}
        assert after == before - {doubtful["path"]}
