"""Lineage of a model: its contract, data, code, packages, seeds and times."""

import datetime
import importlib.metadata
import platform
from collections.abc import Mapping
from typing import Any

from components.report import config as report_config
from data import formats
from tasks.pages import parts

# (name, value) rows, and a group of them under its title.
Rows = tuple[tuple[str, str], ...]
Group = tuple[str, Rows]
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
) -> tuple[Group, ...]:
    """Collects the lineage for the page and the card: data, code, packages, seeds, times.

    Args:
      job: the seed and the data's fingerprint.
      source: the data folder.
      code: hash of the project's own code.
      made_ms: artifact → the time of its creation, in milliseconds since 1970; 0 where unknown;
        in any order, the oldest is shown first.
    """
    made = sorted((value, name) for name, value in made_ms.items() if value)
    times = tuple((name, when(value)) for value, name in made)
    groups = (
        ("Data", (("folder", source), ("fingerprint", job.fingerprint))),
        ("Code", (("hash", code), ("Python", platform.python_version()))),
        ("Packages", tuple((name, _version(name)) for name in PACKAGES)),
        ("Seeds", (("seed", str(job.seed)),)),
        ("Made at (UTC)", times),
    )
    return tuple(group for group in groups if group[1])


def model(contract: Mapping[str, Any], noun: parts.Noun) -> Rows:
    """Returns the model's properties from its contract.

    Args:
      contract: the contract.
      noun: the word for what the outputs stand for.
    """
    return (
        ("backbone", str(contract["backbone"])),
        ("image size", f"{contract['image_size_px']} px, {contract['resize']}"),
        (noun.many, formats.count(len(contract["labels"]))),
    )


def when(milliseconds: int) -> str:
    """Formats a time in UTC."""
    moment = datetime.datetime.fromtimestamp(milliseconds / 1000, datetime.timezone.utc)
    return moment.strftime("%Y-%m-%d %H:%M:%S")


def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"
