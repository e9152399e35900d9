"""Input of the checks: the images of a run and related data."""

import functools
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from components.image_validator import config as validate_config
from data.examples import catalog, ingest_report
from data.splits import duplicates
from tasks import checking

Case = checking.Case
Found = checking.Found


@dataclass(frozen=True)
class Anomaly:
    """Schema anomaly: its split and feature, and TFDV's description."""

    split: str
    feature: str
    description: str


@dataclass(frozen=True)
class Context:
    """Data of one validation.

    Attributes:
      images: the catalog.
      report: the report of ingest.
      labels: the label map.
      known_labels: the label map of the last run that finished; empty before the first.
      anomalies: the anomalies of ExampleValidator.
      job: the settings.
      embed: indices → embeddings float32 [N, D] by the served model; None if there is none.
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
        """Returns the severities and limits."""
        return self.job.config

    @functools.cached_property
    def copies(self) -> list[list[int]]:
        """Groups images whose files are equal byte for byte; two or more in each group."""
        groups: dict[str, list[int]] = defaultdict(list)
        for index, image in enumerate(self.images):
            groups[image.sha256].append(index)
        return [group for group in groups.values() if len(group) > 1]

    @functools.cached_property
    def near_pairs(self) -> list[tuple[int, int, int]]:
        """Lists near-duplicates that are not copies: (distance in bits, index, index)."""
        phashes = [image.info.phash for image in self.images]
        sides = [min(image.info.height, image.info.width) for image in self.images]
        pairs = duplicates.find_pairs(phashes, sides, self.report.duplicate_distance)
        return [row for row in pairs if self.images[row[1]].sha256 != self.images[row[2]].sha256]

    @functools.cached_property
    def newest_spans(self) -> tuple[list[int], list[int]] | None:
        """Lists the images of the newest span and of the one before; None without two spans."""
        numbers = sorted({image.span for image in self.images if image.span is not None})
        if len(numbers) < 2:
            return None
        newest, previous = (
            [index for index, image in enumerate(self.images) if image.span == number]
            for number in (numbers[-1], numbers[-2])
        )
        return newest, previous
