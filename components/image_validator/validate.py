"""Checks on a whole set of images → findings. Pure: counts and anomalies in, findings out."""

import json
from dataclasses import asdict, dataclass

from components.image_example_gen import report as ingest_report
from components.image_validator import config as validate_config
from data import errors

FINDINGS_FILE = "findings.json"


@dataclass(frozen=True)
class Finding:
    """One thing that a check found.

    Attributes:
      check: the setting of ValidateConfig that governs it.
      severity: "warn" or "block".
      message: what was found, where, and what is allowed.
    """

    check: str
    severity: str
    message: str


@dataclass(frozen=True)
class Anomaly:
    """A schema anomaly: the split and feature it was found in, and TFDV's words."""

    split: str
    feature: str
    description: str


def check(
    report: ingest_report.Report,
    labels: list[str],
    anomalies: list[Anomaly],
    config: validate_config.ValidateConfig,
) -> list[Finding]:
    """Runs every check that is not ignored.

    Args:
      report: what ingest made of the files.
      labels: the label map.
      anomalies: what ExampleValidator found.
      config: severities and bounds.
    """
    total = sum(report.counts().values()) + len(report.quarantined)
    share = len(report.quarantined) / max(total, 1)
    train = report.examples.get("train", {})
    tested = report.examples.get("test", {})
    present = [name for name in labels if train.get(name)]
    found: list[tuple[str, str]] = [
        ("schema_anomalies", f"{row.feature} in the {row.split} split: {row.description}")
        for row in anomalies
    ]
    if share > config.max_quarantined_fraction:
        found.append(
            (
                "quarantined",
                f"{len(report.quarantined)} of {total} files ({share:.0%}) are in quarantine;"
                f" {config.max_quarantined_fraction:.0%} are allowed.",
            )
        )
    found += [
        (
            "small_classes",
            f"Class {name!r} has {train[name]} images to train on;"
            f" {config.min_train_images} are enough.",
        )
        for name in present
        if train[name] < config.min_train_images
    ]
    found += [
        ("untested_classes", f"Class {name!r} has no image in the test split.")
        for name in present
        if not tested.get(name)
    ]
    severities = {name: getattr(config, name) for name, _ in found}
    return [
        Finding(name, severities[name], message)
        for name, message in found
        if severities[name] != "ignore"
    ]


def block(findings: list[Finding], where: str) -> None:
    """Stops the run when a finding is severe enough.

    Raises:
      errors.DataError: names every blocking finding and the file ``where`` all are.
    """
    blocking = [finding for finding in findings if finding.severity == "block"]
    if blocking:
        raise errors.DataError(
            *(f"{finding.message} (checks.{finding.check})" for finding in blocking),
            f"All findings are in {where}.",
        )


def to_json(findings: list[Finding]) -> str:
    """The findings as text."""
    return json.dumps([asdict(finding) for finding in findings], indent=1)


def from_json(text: str) -> list[Finding]:
    """Reads what :func:`to_json` wrote."""
    return [Finding(**row) for row in json.loads(text)]
