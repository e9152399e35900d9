"""Where a model comes from: data, training, code, packages, seeds and times."""

import datetime
import importlib.metadata
import platform
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from components.image_example_gen import report as ingest_report
from components.image_validator import findings as validation
from components.report import config as report_config
from components.report import origin
from components.trainer import history as training_history
from data import refusals

PHASES = {"head": "head", "fine_tune": "top blocks", "scratch": "from scratch"}
PACKAGES = (
    "tensorflow",
    "keras",
    "numpy",
    "pillow",
    "tfx",
    "apache-beam",
    "tensorflow-model-analysis",
    "ml-metadata",
)


def collect(
    job: report_config.ReportJob, source: str, code: str, made_ms: Mapping[str, int]
) -> origin.Lineage:
    """What the page and the card name.

    Args:
      job: the configuration, the seed and the data's fingerprint.
      source: the data folder.
      code: hash of the project's own code.
      made_ms: artifact → when it was made, in milliseconds since 1970; 0 where unknown.
    """
    times = tuple((name, when(value)) for name, value in made_ms.items() if value)
    groups = (
        ("Data", (("folder", source), ("fingerprint", job.fingerprint))),
        ("Code", (("hash", code), ("Python", platform.python_version()))),
        ("Packages", tuple((name, _version(name)) for name in PACKAGES)),
        ("Seeds", (("seed", str(job.seed)),)),
        ("Made at (UTC)", times),
    )
    return origin.Lineage(groups=tuple(group for group in groups if group[1]), config=job.resolved)


def data(ingested: ingest_report.Report, findings: Sequence[validation.Finding]) -> origin.Data:
    """The images that went on, and why others did not."""
    reasons = Counter(row.reason for row in ingested.quarantined)
    return origin.Data(
        examples=ingested.examples,
        findings=tuple(origin.Finding(row.severity, row.message, row.count) for row in findings),
        quarantine=tuple(
            origin.Reason(name, count, refusals.REASONS.get(name, f"taken out by checks.{name}"))
            for name, count in reasons.most_common()
        ),
    )


def training(history: training_history.History) -> origin.Training:
    """The curves, and in words what training started from and cached."""
    phases = {PHASES[name]: metrics for name, metrics in history.phases.items()}
    notes = tuple(f"{text[:1].upper()}{text[1:]}." for text in (history.cache,) if text)
    start = (f"Started from {history.start}.",) if history.start else ()
    return origin.Training(phases, PHASES[history.kept], start + notes)


def model(contract: Mapping[str, Any]) -> origin.Pairs:
    """What the model is, by its contract."""
    return (
        ("backbone", str(contract["backbone"])),
        ("image size", f"{contract['image_size_px']} px, {contract['resize']}"),
        ("classes", f"{len(contract['labels']):,}"),
    )


def when(milliseconds: int) -> str:
    """A moment as it is read, in UTC."""
    moment = datetime.datetime.fromtimestamp(milliseconds / 1000, datetime.timezone.utc)
    return moment.strftime("%Y-%m-%d %H:%M:%S")


def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"
