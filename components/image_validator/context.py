"""What the checks look at: the images of a run and what is known besides."""

import functools
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from components.image_validator import config as validate_config
from data.examples import catalog, ingest_report
from data.splits import duplicates


@dataclass(frozen=True)
class Anomaly:
    """A schema anomaly: the split and feature it was found in, and TFDV's words."""

    split: str
    feature: str
    description: str


@dataclass(frozen=True)
class Case:
    """One instance of what a check found.

    Attributes:
      images: the indices of the image, or of the two images.
      detail: what was measured, in a few words.
    """

    images: tuple[int, ...]
    detail: str = ""


@dataclass(frozen=True)
class Found:
    """What a check found.

    Attributes:
      message: what, where, and what is allowed.
      cases: its instances, worst first; none where it is about the set alone.
      removable: the indices of the images to take out when the severity is "quarantine".
    """

    message: str
    cases: list[Case] = field(default_factory=list)
    removable: list[int] = field(default_factory=list)


@dataclass(frozen=True)
class Context:
    """The data of one validation.

    Attributes:
      images: the catalog.
      report: what ingest made of the files.
      labels: the label map.
      known_labels: the label map of the last run that finished; empty before the first.
      anomalies: what ExampleValidator found.
      job: the settings.
      embed: indices → embeddings float32 [N, D] by the model in serving; None where there is none.
    """

    images: list[catalog.Image]
    report: ingest_report.Report
    labels: list[str]
    known_labels: list[str]
    anomalies: list[Anomaly]
    job: validate_config.ValidateJob
    embed: Callable[[list[int]], np.ndarray] | None = None

    @property
    def config(self) -> validate_config.ValidateConfig:
        """The severities and bounds."""
        return self.job.config

    @functools.cached_property
    def copies(self) -> list[list[int]]:
        """The groups of two and more images that are one file to the byte."""
        groups: dict[str, list[int]] = defaultdict(list)
        for index, image in enumerate(self.images):
            groups[image.sha256].append(index)
        return [group for group in groups.values() if len(group) > 1]

    @functools.cached_property
    def near_pairs(self) -> list[tuple[int, int, int]]:
        """Near duplicates that are not copies: (distance in bits, index, index)."""
        phashes = [image.info.phash for image in self.images]
        sides = [min(image.info.height, image.info.width) for image in self.images]
        pairs = duplicates.find_pairs(phashes, sides, self.report.duplicate_distance)
        return [row for row in pairs if self.images[row[1]].sha256 != self.images[row[2]].sha256]

    @functools.cached_property
    def newest_spans(self) -> tuple[list[int], list[int]] | None:
        """The images of the newest span and of the one before; None without two spans."""
        numbers = sorted({image.span for image in self.images if image.span is not None})
        if len(numbers) < 2:
            return None
        newest, previous = (
            [index for index, image in enumerate(self.images) if image.span == number]
            for number in (numbers[-1], numbers[-2])
        )
        return newest, previous
