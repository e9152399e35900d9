"""``summary.json``: the outcome of a run, for programs. Every field is documented here."""

import logging
from pathlib import Path
from typing import Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SerializeAsAny,
    ValidationInfo,
    field_validator,
)
from typing_extensions import Self

from components.image_validator import config as validate_config
from data.corrections import applying, sentences
from data.examples import ingest_report
from data.files import atomic, read_back
from data.splits import folder
from tasks import task
from tasks.pages import parts

Status = Literal["succeeded", "not_blessed", "partial", "failed"]


class _Record(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Finding(_Record):
    """A finding of a check of the images."""

    check: str = Field(description="the setting under checks that controls it")
    severity: validate_config.Consequence = Field(description="what was done about it")
    message: str = Field(description="what was found, and what is allowed")
    count: int = Field(description="how many cases there are")


class Layout(_Record):
    """The interpretation of the data folder."""

    splits: dict[str, list[str]] = Field(
        description="split → the folders, or the manifest, that give it; empty where the pipeline makes"
        " the splits"
    )
    spans: list[str] = Field(description="the folders of the spans that are used, oldest first")
    manifest: str | None = Field(
        None, description="the manifest that states the labels; null: the folders' names do"
    )
    classes: dict[str, int] = Field(
        description="class name → its files; of masks those that show it, after ingest"
    )
    unused: dict[str, int] = Field(description="reason → files that no split or quarantine holds")
    unused_images: int = Field(
        0, ge=0, description="image files among them that no setting or convention leaves out"
    )
    unused_csv: str | None = Field(
        None, description="the list of them, with reasons; null if the run did not ingest"
    )

    @classmethod
    def of(cls, listing: folder.Listing) -> "Layout":
        """Summarises a listing."""
        return cls(
            splits=listing.splits,
            spans=[span.folder for span in listing.spans],
            manifest=listing.manifest or None,
            classes=dict(sorted(folder.label_counts(listing.files).items())),
            unused={reason.value: count for reason, count in sorted(listing.unused.files.items())},
            unused_images=listing.unused.lost_images,
        )

    def ingested(self, report: ingest_report.Report, unused_csv: str) -> "Layout":
        """Returns the same with what only ingest finds: files left unused, the classes of masks."""
        found: dict[str, object] = {"unused": report.unused, "unused_csv": unused_csv}
        if report.masks:
            found["classes"] = dict(sorted(report.masks.images.items()))
        return self.model_copy(update=found)


class Corrections(_Record):
    """What a person's decisions about labels did in a run."""

    relabelled: dict[str, int] = Field(
        description="split → images that have other labels than the data folder gives them"
    )
    dropped: int = Field(ge=0, description="files that were left out")
    settled: int = Field(ge=0, description="corrections that the data folder agrees with by now")
    unmatched: int = Field(ge=0, description="corrections that no image matches any more")

    @classmethod
    def of(cls, done: applying.Applied) -> Self | None:
        """Summarises what was applied; None if there is nothing to tell."""
        if not done.sentence() and not done.settled:
            return None
        return cls(
            relabelled=done.counts(),
            dropped=done.dropped,
            settled=done.settled,
            unmatched=len(done.idle),
        )

    def sentence(self) -> str:
        """Describes them for people."""
        said = sentences.done(self.relabelled, self.dropped, self.unmatched)
        return f"Corrections: {said or 'the data folder agrees with all by now'}."


class Pushed(_Record):
    """A version that this run put into serving."""

    version: str = Field(description="the name of its folder, a Unix time in seconds")
    path: str = Field(description="the folder with saved_model.pb")


class StepTime(_Record):
    """The time of a step."""

    name: str = Field(description="the step's id in the pipeline")
    seconds: float = Field(description="wall time")
    cached: bool = Field(description="whether an earlier run's output was used")


class Summary(_Record):
    """The outcome of one run."""

    run_id: str = Field(description="names the run, its log and its saved configuration")
    status: Status = Field(
        description="succeeded: finished and the decision carried out; not_blessed: finished, the"
        " model was refused; partial: finished the requested steps, before the push;"
        " failed: a step failed"
    )
    task: str = Field(task.DEFAULT, description="what the model learns")
    data_dir: str = Field(description="the folder that was ingested")
    fingerprint: str | None = Field(None, description="hash of its paths, sizes and times")
    layout: Layout | None = Field(None, description="how that folder was interpreted")
    examples: dict[str, int] = Field(description="images in train, eval and test")
    quarantined: int = Field(
        description="files that could not be used or were taken out by a check"
    )
    quarantine_csv: str | None = Field(description="the list of them, with reasons")
    corrections: Corrections | None = Field(
        None, description="what corrections of labels did; null if there were none"
    )
    findings: list[Finding] = Field(description="findings of the checks of the images")
    findings_page: str | None = Field(description="the page that shows them with pictures")
    metrics: SerializeAsAny[BaseModel] | None = Field(
        description="metrics of the trained model on the test split; their fields are the task's"
    )
    verdict: Literal["release", "refuse", "inconclusive"] | None = Field(
        description="decision of the release gate; null if the run did not get there"
    )
    blessed: bool = Field(
        description="whether the model may be pushed; differs from the verdict if"
        " gate.inconclusive says so"
    )
    reasons: list[str] = Field(description="why the decision is what it is")
    pushed: Pushed | None = Field(description="the version that this run pushed; null if none")
    model_dir: str | None = Field(description="the folder with all pushed versions of the model")
    predictions: str | None = Field(
        None, description="the folder with the model's answers about eval and test, as Parquet"
    )
    report: str | None = Field(description="the HTML report, if one was made")
    model_card: str | None = Field(description="the same figures in Markdown")
    steps: list[StepTime] = Field(description="in order")
    seconds: float = Field(description="wall time of the run")

    @field_validator("metrics", mode="before")
    @classmethod
    def _are_of_the_task(cls, value: object, found: ValidationInfo) -> object:
        """Reads metrics by the model of the run's task."""
        name = found.data.get("task", "")
        if value is None or name not in task.names():
            return None
        return task.load(name).panels.Metrics.model_validate(value)

    @property
    def headline(self) -> parts.Headline:
        """Returns the figure that represents the run; its value is None where it has no metrics."""
        return task.load(self.task).panels.headline(self.metrics)

    @property
    def mean_score(self) -> float | None:
        """Returns the mean ``score`` of the answers about the test split; None where unknown."""
        return task.load(self.task).panels.mean_score(self.metrics) if self.metrics else None

    def write(self, path: Path) -> None:
        """Writes the file atomically."""
        with atomic.replacing(path) as temporary:
            temporary.write_text(self.model_dump_json(indent=1) + "\n", encoding="utf-8")


def read(path: Path) -> Summary | None:
    """Reads a summary; returns None if there is none.

    One that is damaged, or of another release, is logged and counts as none.
    """
    try:
        return read_back.json_file(path, "summary of a run", Summary.model_validate)
    except read_back.AbsentError:
        return None
    except read_back.ReadError as error:
        logging.warning("%s It is ignored.", error)
        return None
