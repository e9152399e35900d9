"""A simulated month: ten spans of digits arrive; who is trained, released, refused and served?

The clock is simulated, all else is real: the folders, the decisions, and each run, which is a
process of the command line. One span is corrupted, one has drifted to noise, one brings a new class.

    python benchmarks/month.py                     every complete span is reason enough to train
    python benchmarks/month.py --new-images 130    fewer runs, as in the tests
"""

import datetime
import json
import shutil
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np
from PIL import Image

from benchmarks import harness
from data.sources import digits
from pipeline.scheduled import config, cron, decision, run_process, tick
from pipeline.scheduled import state as schedule_state
from serving import served_version

START = datetime.datetime(2031, 5, 1, tzinfo=datetime.timezone.utc)
DAYS = 30
CLASSES = ("0", "1", "4")
NEW_CLASS = "3"
# Day → images of each class in the span that arrives on it.
ARRIVALS = {1: 40, 4: 40, 7: 80, 10: 40, 13: 40, 16: 40, 19: 40, 22: 40, 25: 8, 28: 8}
INCOMPLETE_DAY, CORRUPTED_DAY, DRIFTED_DAY, NEW_CLASS_DAY = 6, 10, 16, 22
RECIPE = """
preprocess: {size_px: 64}
augment: {horizontal_flip: false, brightness_fraction: 0, contrast_fraction: 0}
ingest: {split: {train: 0.6, eval: 0.2, test: 0.2}}
train:
  batch_size: 16
  head_epochs: 30
  head_learning_rate: 1.0e-2
  fine_tune_epochs: 0
  cache: {views: 1}
gate: {ask_server: false, min_accuracy: 0.85, inconclusive: release}
infra: {enabled: false}
report: {robustness_images: 0}
"""


@dataclass
class Month:
    """The folders and the clock of a simulation.

    Attributes:
      place: where everything is written.
      new_images: how many are reason enough to train.
      now: the simulated time.
      lines: what was said.
      versions: those served so far, in their order.
    """

    place: Path
    new_images: int = 1
    now: datetime.datetime = START

    def __post_init__(self) -> None:
        self.lines: list[str] = []
        self.versions: list[int] = []
        self._digits = digits.export(self.place / "digits")
        self._used = 0
        (self.place / "photos").mkdir()
        (self.place / "recipe.yaml").write_text(RECIPE)
        append = f"open({str(self.notifications_file)!r}, 'a').write(sys.stdin.read() + '\\n')"
        (self.place / "notify.py").write_text(f"import sys\n{append}\n")

    def command(self) -> config.Command:
        """The settings of the schedule."""
        place = self.place
        flags = ["--data-dir", place / "photos", "--output-dir", place / "out"]
        flags += ["--recipe", place / "recipe.yaml", "--window", 2, "--schedule.cron", "0 3 * * *"]
        flags += ["--schedule.timezone", "UTC", "--triggers.new-images", self.new_images]
        flags += ["--triggers.new-fraction", 10]  # so few images double soon
        flags += ["--triggers.label-drift", "false", "--triggers.embedding-drift", "false"]
        for word in (sys.executable, place / "notify.py"):
            flags += ["--notify.command", word]
        return config.parse(list(map(str, flags)))

    @property
    def notifications_file(self) -> Path:
        """Where the notifications go."""
        return self.place / "notifications.jsonl"

    def days(self) -> Iterator[dict[str, Any]]:
        """Lives through the month.

        Yields:
          For each day: the day, what was decided, the exit code, which version is served.
        """
        trigger = cron.trigger("0 3 * * *", datetime.timezone.utc)
        for day in range(1, DAYS + 1):
            self._arrive(day)
            due = trigger.get_next_fire_time(None, START + datetime.timedelta(days=day - 1))
            self.now = due
            # A new scheduler every day: all that it knows is in the state.
            model = tick.Retraining(
                self.command(), lambda: self.now, self.lines.append, run_process.Runner().run
            )
            code = model.tick()
            row = self._history()[-1]
            yield {"day": day, "decision": row["decision"], "code": code, "served": self._served()}

    def _history(self) -> list[dict[str, Any]]:
        return schedule_state.Store.of(self.place / "out", "photos").history()

    def _served(self) -> int:
        """1 for the first version ever served, 2 for the second; 0 before."""
        version = served_version.served(self.place / "out" / "serving" / "photos")
        if version is None:
            return 0
        if version not in self.versions:
            self.versions.append(version)
        return self.versions.index(version) + 1

    def _arrive(self, day: int) -> None:
        root = self.place / "photos"
        if day == INCOMPLETE_DAY:  # the next span is being written
            (root / "span-07" / CLASSES[0]).mkdir(parents=True)
        count = ARRIVALS.get(day)
        if count is None:
            return
        span = root / f"span-{day:02d}"
        names = (*CLASSES, NEW_CLASS) if day >= NEW_CLASS_DAY else CLASSES
        for name in names:
            files = sorted((self._digits / name).glob("*.png"))[self._used : self._used + count]
            (span / name).mkdir(parents=True, exist_ok=True)
            for path in files:
                self._write(path, span / name / path.name, day)
        self._used += count
        (span / "_SUCCESS").touch()

    def _write(self, source: Path, target: Path, day: int) -> None:
        if day == CORRUPTED_DAY:
            target.write_bytes(source.read_bytes()[:-60])
        elif day == DRIFTED_DAY:
            seed = [int(source.parent.name), int(source.stem)]
            noise = np.random.default_rng(seed).integers(0, 256, (28, 28), np.uint8)
            Image.fromarray(noise).save(target)
        else:
            shutil.copyfile(source, target)


def main() -> None:
    """Lives through it and prints each day."""
    parser = harness.parser(__doc__ or "")
    parser.add_argument("--new-images", type=int, default=1)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="month-") as scratch:
        month = Month(Path(scratch), arguments.new_images)
        days = []
        for row in month.days():
            days.append(row)
            print(f"{row}  {month.lines[-1]}", file=sys.stderr, flush=True)
        events = [
            json.loads(line)["event"] for line in month.notifications_file.read_text().splitlines()
        ]
    runs = [row for row in days if row["decision"] in decision.RUNS]
    released = max(row["served"] for row in days)
    print(f"{len(runs)} runs, {released} versions; notifications: {', '.join(events)}")


if __name__ == "__main__":
    main()
