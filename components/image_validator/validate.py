"""Runs the checks: a context → findings, and the images to remove."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from components.image_validator import checks, context, embedding, findings
from components.image_validator import config as validate_config
from data.examples import examples_artifact, ingest_report
from data.splits import labels


@dataclass(frozen=True)
class Outcome:
    """Outcome of a validation.

    Attributes:
      findings: in the order in which they are shown, the most severe first.
      removed: index in the catalog → the check that removed the image.
      report: of ingest, with the removed images in quarantine.
    """

    findings: list[findings.Finding]
    removed: dict[int, str]
    report: ingest_report.Report


def read(
    uri: str, anomalies: list[context.Anomaly], job: validate_config.ValidateJob
) -> context.Context:
    """Reads the input of the checks.

    The label map and the served model are those of the last run, and are not part of any cache
    key: otherwise every successful run would make the next one validate and train again.

    Args:
      uri: the Examples artifact.
      anomalies: those that ExampleValidator found in it.
      job: the settings, and the paths of that label map and that model.
    """
    images = list(examples_artifact.read_catalog(uri))
    return context.Context(
        images=images,
        report=examples_artifact.read_report(uri),
        labels=examples_artifact.read_labels(uri),
        known_labels=labels.load(job.label_file),
        anomalies=anomalies,
        job=job,
        embed=embedding.embedder(job.serving_dir, uri, images),
    )


def run(data: context.Context) -> Outcome:
    """Runs every check that is not ignored; those of the whole set see the remaining images."""
    found: list[findings.Finding] = []
    removed: dict[int, str] = {}
    for name, severity, result in _results(data, checks.IMAGE_CHECKS):
        found.append(_finding(data, name, severity, result))
        if severity == "quarantine":
            for index in result.removable:
                removed.setdefault(index, name)
    report = _without(data, removed)
    kept = [image for index, image in enumerate(data.images) if index not in removed]
    rest = replace(data, images=kept, report=report)
    for name, severity, result in _results(rest, checks.SET_CHECKS):
        found.append(_finding(rest, name, severity, result))
    order = ("block", "quarantine", "warn")
    found.sort(key=lambda finding: order.index(finding.severity))
    return Outcome(found, removed, report)


def _results(
    data: context.Context, named: Mapping[str, checks.Check]
) -> Iterator[tuple[str, validate_config.Consequence, context.Found]]:
    for name, check in named.items():
        severity = getattr(data.config, name)
        if severity != "ignore" and checks.applies(name, data.job.task):
            for result in check(data):
                yield name, severity, result


def _finding(
    data: context.Context, name: str, severity: validate_config.Consequence, result: context.Found
) -> findings.Finding:
    cases = [
        findings.Case([data.images[index].path for index in case.images], case.detail)
        for case in result.cases[: findings.MAX_CASES]
    ]
    return findings.Finding(name, severity, result.message, max(1, len(result.cases)), cases)


def _without(data: context.Context, removed: Mapping[int, str]) -> ingest_report.Report:
    """Copies the report of ingest with some images moved from their splits into quarantine."""
    examples = {name: dict(counts) for name, counts in data.report.examples.items()}
    further = Counter(data.report.further_labels)
    rows = []
    for index, name in removed.items():
        image = data.images[index]
        for label in image.labels:
            examples[image.split][label] -= 1
        further[image.split] -= len(image.labels) - 1
        rows.append(ingest_report.Quarantined(image.path, image.labels, name))
    examples = {
        name: {class_name: count for class_name, count in counts.items() if count}
        for name, counts in examples.items()
    }
    quarantined = sorted([*data.report.quarantined, *rows])
    return replace(
        data.report,
        examples=examples,
        further_labels={name: count for name, count in further.items() if count},
        quarantined=quarantined,
    )
