"""Renders the findings as one self-contained HTML page with thumbnails."""

import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from components.image_validator import clean, context, findings, validate
from data import pages
from data.images import refusals
from data.splits import split

TEMPLATE = "findings.html.jinja"
SHOWN_CASES = 12
_HISTOGRAM_BINS = 24


@dataclass(frozen=True)
class Thumbnail:
    """Image on the page: its path and caption, and a data URI; empty if it is missing."""

    path: str
    caption: str
    uri: str


def shown_images(outcome: validate.Outcome) -> set[str]:
    """Lists the paths of the images that the page shows."""
    return {
        path
        for finding in outcome.findings
        for case in finding.cases[:SHOWN_CASES]
        for path in case.paths
    }


def thumbnail(encoded: bytes) -> str:
    """Makes a small copy of an image that ingest has accepted, as a data URI."""
    with Image.open(io.BytesIO(encoded)) as image:
        image.draft("RGB", (2 * pages.SIDE_PX, 2 * pages.SIDE_PX))
        return pages.data_uri(image.convert("RGB"))


def make(data: context.Context, outcome: validate.Outcome, uri: str) -> str:
    """Renders the page with its thumbnails, which are read from an Examples artifact."""
    wanted = shown_images(outcome)
    indices = {index for index, image in enumerate(data.images) if image.path in wanted}
    thumbnails = {
        data.images[index].path: thumbnail(encoded)
        for index, encoded in clean.read_encoded(uri, data.images, indices)
    }
    return render(data, outcome, thumbnails)


def render(data: context.Context, outcome: validate.Outcome, thumbnails: Mapping[str, str]) -> str:
    """Renders the page.

    Args:
      data: what was checked.
      outcome: the findings.
      thumbnails: path → data URI.
    """
    captions = {image.path: f"{', '.join(image.labels)} · {image.split}" for image in data.images}

    def shown(finding: findings.Finding) -> list[tuple[list[Thumbnail], str]]:
        return [
            (
                [
                    Thumbnail(path, captions.get(path, ""), thumbnails.get(path, ""))
                    for path in case.paths
                ],
                case.detail,
            )
            for case in finding.cases[:SHOWN_CASES]
        ]

    template = pages.environment(Path(__file__).parent).get_template(TEMPLATE)
    return template.render(
        findings=[(finding, shown(finding)) for finding in outcome.findings],
        report=outcome.report,
        counts=outcome.report.counts(),
        classes=_class_rows(data, outcome),
        reasons=outcome.report.reasons(),
        meaning=refusals.meaning,
        quarantined=outcome.report.quarantined[: findings.MAX_CASES],
        measures=_histograms(data),
    )


def _class_rows(data: context.Context, outcome: validate.Outcome) -> list[tuple[str, list[int]]]:
    examples = outcome.report.examples
    return [
        (name, [examples.get(part, {}).get(name, 0) for part in split.SPLITS])
        for name in data.labels
    ]


def _histograms(data: context.Context) -> list[tuple[str, str, str, list[float]]]:
    """Returns for each image statistic its name, 1st and 99th percentile, and bars of 0–1."""
    rows = []
    for name in ("brightness", "contrast", "sharpness", "saturation"):
        values = np.array([getattr(image.info.quality, name) for image in data.images])
        if not len(values):
            continue
        low, high = np.quantile(values, [0.01, 0.99])
        inside = np.clip(values, low, high)
        counts, _ = np.histogram(inside, _HISTOGRAM_BINS, (low, max(high, low + 1e-9)))
        bars = (counts / max(counts.max(), 1)).round(3).tolist()
        rows.append((name, f"{low:.3g}", f"{high:.3g}", bars))
    return rows
