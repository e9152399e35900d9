"""Findings of the checks: their files, and the stop of a run that they block."""

import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field

import pydantic
import tensorflow as tf

from components.image_validator import config as validate_config
from data import errors
from data.files import read_back
from data.splits import folder

FINDINGS_FILE = "findings.json"
PAGE_FILE = "findings.html"
MAX_CASES = 200
_NAMED_CASES = 5


@dataclass(frozen=True)
class Case:
    """Instance of a finding.

    Attributes:
      paths: the image, or the two images, relative to the data folder.
      detail: the measured value, in a few words.
    """

    paths: list[str]
    detail: str = ""


@dataclass(frozen=True)
class Finding:
    """Finding of a check.

    Attributes:
      check: name of the check, and of its severity in ValidateConfig.
      severity: its severity.
      message: what is wrong, where, and what is allowed.
      count: number of cases.
      cases: the worst cases, worst first.
    """

    check: str
    severity: validate_config.Consequence
    message: str
    count: int = 1
    cases: list[Case] = field(default_factory=list)


_WHAT = "list of findings"
_FINDINGS = pydantic.TypeAdapter(list[Finding])


def block(findings: Sequence[Finding], page: str) -> None:
    """Stops the run if a finding has the severity "block".

    Raises:
      errors.DataError: lists every blocking finding with example files, and names the page.
    """
    blocking = [finding for finding in findings if finding.severity == "block"]
    if not blocking:
        return
    raise errors.DataError(
        *(
            f"{finding.message}{_examples(finding)} (checks.{finding.check})"
            for finding in blocking
        ),
        f"All findings are in {page}.",
        report=page,
    )


def write(directory: str, findings: Sequence[Finding], page: str) -> str:
    """Writes the findings and the page that shows them; returns where the page is."""
    tf.io.gfile.makedirs(directory)
    page_path = os.path.join(directory, PAGE_FILE)
    for path, text in (
        (os.path.join(directory, FINDINGS_FILE), to_json(findings)),
        (page_path, page),
    ):
        with tf.io.gfile.GFile(path, "w") as file:
            file.write(text)
    return page_path


def to_json(findings: Sequence[Finding]) -> str:
    """Converts findings to JSON."""
    return json.dumps([asdict(finding) for finding in findings], indent=1)


def from_json(text: str) -> list[Finding]:
    """Reads what :func:`to_json` wrote.

    Raises:
      errors.DataError: the text is not a list of findings.
    """
    return read_back.from_json(text, _WHAT, _FINDINGS.validate_python, read_back.STEP_AGAIN)


def read(directory: str | os.PathLike[str]) -> list[Finding]:
    """Reads the findings in a folder.

    Raises:
      errors.DataError: they are damaged.
    """
    path = os.path.join(directory, FINDINGS_FILE)
    return from_json(read_back.text(path, _WHAT, read_back.STEP_AGAIN))


def _examples(finding: Finding) -> str:
    if not finding.cases:
        return ""
    named = [" = ".join(case.paths) for case in finding.cases[:_NAMED_CASES]]
    more = f", and {finding.count - len(named)} more" if finding.count > len(named) else ""
    return folder.printable(f" {'; '.join(named)}{more}.")
