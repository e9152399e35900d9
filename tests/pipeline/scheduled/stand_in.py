"""A schedule whose runs are a stand-in for the pipeline; real runs are in test_month.py.

The stand-in leaves what run_local.py leaves for a scheduler: an exit code, a summary, a version.
"""

import datetime
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from data.sources import registry as label_sources
from data.splits import folder
from pipeline.outcome import summary
from pipeline.run import preflight
from pipeline.scheduled import config, tick
from pipeline.settings import pipeline_config
from tasks.classification.panels import outcome as classified
from tests import saved_models
from tests.data.pictures import noise

START = datetime.datetime(2031, 5, 1, 3, tzinfo=datetime.timezone.utc)
STATUS = {0: "succeeded", 3: "not_blessed", 1: "failed", 2: "failed"}


def add_images(place: Path, count: int = 4, seed: int = 0, names: Sequence[str] = ("cat", "dog")):
    for number, name in enumerate(names):
        (place / name).mkdir(parents=True, exist_ok=True)
        for index in range(count):
            noise(24, 32, seed=seed + 100 * number + index).save(
                place / name / f"{seed}_{index}.jpg"
            )


def summary_of(run_id: str, listing: folder.Listing, code: int, version: str | None, folder_: Path):
    pushed = summary.Pushed(version=version, path=str(folder_)) if version else None
    return summary.Summary(
        run_id=run_id,
        status=STATUS[code],
        data_dir=str(listing.root),
        fingerprint=listing.fingerprint(),
        examples={"train": 8, "eval": 1, "test": 1},
        quarantined=0,
        quarantine_csv=None,
        findings=[],
        findings_page=None,
        metrics=classified.Metrics(
            accuracy=0.9, log_loss=0.1, macro_f1=0.9, mean_score=0.95, per_class={}
        ),
        verdict="refuse" if code == 3 else "release",
        blessed=code == 0,
        reasons=["It did not do well." if code else "It did well."],
        pushed=pushed,
        model_dir=None,
        report=None,
        model_card=None,
        steps=[],
        seconds=1.0,
    )


@dataclass
class Schedule:
    """One data folder, one output folder, a clock that stands still, and what was said."""

    root: Path
    output: Path
    arguments: list[str] = field(default_factory=list)
    mode: str = "--once"
    now: datetime.datetime = START
    codes: list[int] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    runs: list[list[str]] = field(default_factory=list)

    def started(self) -> tick.Retraining:
        """A scheduler as after a restart: nothing is in its memory."""
        flags = ["--data-dir", self.root, "--output-dir", self.output, self.mode, *self.arguments]
        command = config.parse(list(map(str, flags)))
        return tick.Retraining(command, lambda: self.now, self.lines.append, self.run)

    def tick(self) -> int:
        self.now += datetime.timedelta(days=1)
        return self.started().tick()

    def run(self, arguments: list[str], log: Path, lock: int, timeout_s: float) -> int:
        self.runs.append(arguments)
        code = self.codes.pop(0) if self.codes else 0
        if code in STATUS:
            self.leave(code, arguments)
        return code

    def leave(self, code: int, arguments: list[str]) -> None:
        """Writes what a run leaves."""
        parsed = pipeline_config.parse(arguments)
        listing = label_sources.scan(preflight.request(parsed, parsed.source))
        version = str(int(self.now.timestamp())) if code == 0 else None
        served = self.output / "serving" / self.root.name / str(version)
        if version:
            saved_models.write(served)
        found = summary_of(
            f"{self.now:%Y%m%d-%H%M%S}-{len(self.runs)}", listing, code, version, served
        )
        found.write(self.output / "summary.json")

    @property
    def last(self) -> str:
        return self.lines[-1]
