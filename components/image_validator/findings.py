"""What the checks find, and what is done about it."""

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
    """One instance of a finding.

    Attributes:
      paths: the image, or the two images, relative to the data folder.
      detail: what was measured, in a few words.
    """

    paths: list[str]
    detail: str = ""


@dataclass(frozen=True)
class Finding:
    """What a check found.

    Attributes:
      check: the setting of ValidateConfig that governs it.
      severity: what was done about it.
      message: what was found, where, and what is allowed.
      count: how many cases there are.
      cases: the worst of them, worst first.
    """

    check: str
    severity: validate_config.Consequence
    message: str
    count: int = 1
    cases: list[Case] = field(default_factory=list)


_WHAT = "list of findings"
_FINDINGS = pydantic.TypeAdapter(list[Finding])


def block(findings: Sequence[Finding], page: str) -> None:
    """Stops the run when a finding is severe enough.

    Raises:
      errors.DataError: names every blocking finding with example files, and the page.
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
    """The findings as text."""
    return json.dumps([asdict(finding) for finding in findings], indent=1)


def from_json(text: str) -> list[Finding]:
    """Reads what :func:`to_json` wrote.

    Raises:
      errors.DataError: it is none.
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
