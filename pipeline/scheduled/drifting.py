"""Detects drift of new images from the served model's data, by the bounds of the checks."""

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from components.image_validator import config as validate_config
from data import formats
from data.files import read_back
from data.splits import drift, file_index, folder
from pipeline.scheduled import new_images
from pipeline.wiring import code_fingerprint

EMBEDDING_TIMEOUT_S = 900


@dataclass(frozen=True)
class Samples:
    """The samples that are compared.

    Attributes:
      new: all new files.
      new_rows: the rows of a sample of them.
      old_counts: class name → number of files that the served model was trained on.
      old_rows: the rows of a sample of those.
    """

    new: Sequence[folder.ImageFile]
    new_rows: Sequence[file_index.Row]
    old_counts: dict[str, int]
    old_rows: Sequence[file_index.Row]


def label(samples: Samples, config: validate_config.ValidateConfig) -> str | None:
    """Describes the drift of class shares if it exceeds the bound and chance."""
    newest = folder.label_counts(samples.new)
    # A new class is a separate reason.
    newest = Counter({name: newest[name] for name in newest if name in samples.old_counts})
    if not newest or not samples.old_counts:
        return None
    shift = drift.label_shift(newest, Counter(samples.old_counts))
    if shift.divergence <= config.max_label_drift or shift.chance >= config.drift_significance:
        return None
    return (
        f"the shares of the classes moved by {shift.divergence:.3f} bits"
        f" ({config.max_label_drift:g} is allowed), most of all {shift.name!r}:"
        f" {shift.share:.0%}, before {shift.share_before:.0%}"
    )


def measure(samples: Samples, config: validate_config.ValidateConfig) -> str | None:
    """Describes the image statistic that drifted most, if it exceeds the bound and chance."""
    newest, before = new_images.infos(samples.new_rows), new_images.infos(samples.old_rows)
    if not newest or not before:
        return None
    beyond = [
        shift
        for shift in drift.measure_shifts(newest, before)
        if shift.statistic > config.max_measure_drift
        and shift.chance < config.drift_significance / len(drift.MEASURES)
    ]
    if not beyond:
        return None
    most = max(beyond, key=lambda shift: shift.statistic)
    return (
        f"their {most.name} moved from {most.median_before:.3g} to {most.median:.3g}"
        f" (statistic {most.statistic:.2f}, {config.max_measure_drift:g} is allowed)"
    )


def embedding(
    samples: Samples,
    root: Path,
    version_dir: Path,
    config: validate_config.ValidateConfig,
    log: Path,
    reference: str | None = None,
) -> str | None:
    """Describes a drift of the served model's embeddings if it exceeds chance.

    The model runs in a separate process: the scheduler does not load TensorFlow.

    Args:
      samples: the samples to compare.
      root: the data folder.
      version_dir: the served SavedModel.
      config: the significance level.
      log: the file for the process's output.
      reference: the served model's answers about held-out images, a Predictions artifact.
    """
    question = {
        "model": str(version_dir),
        "root": str(root.resolve()),
        "new": [row.path for row in samples.new_rows],
        "old": [row.path for row in samples.old_rows],
        "reference": reference,
    }
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as errors_to:  # only the last one is kept; a schedule runs for years
        done = subprocess.run(
            [sys.executable, "-m", "pipeline.scheduled.embedding_process"],
            input=json.dumps(question).encode(),
            stdout=subprocess.PIPE,
            stderr=errors_to,
            cwd=code_fingerprint.ROOT,
            timeout=EMBEDDING_TIMEOUT_S,
            check=True,
        )
    last = done.stdout.splitlines()[-1:]
    answer = read_back.from_json(b"".join(last), "answer on embeddings", _answer)
    if answer is None or answer[1] >= config.drift_significance:
        return None
    return (
        f"their embeddings differ from the served model's data (squared discrepancy {answer[0]:.4f},"
        f" by chance in {formats.percent(answer[1])} of cases)"
    )


def _answer(found: Any) -> tuple[float, float] | None:
    return found and (float(found["discrepancy"]), float(found["chance"]))
