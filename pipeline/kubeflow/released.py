"""Keeps released models on the volume for later runs.

On Kubeflow a step cannot query ML Metadata for the models of earlier runs: open-source Kubeflow
Pipelines has no resolvers. So each released model is kept in a folder

    RELEASED_DIR/
      1/          Format-Serving/, model.keras: the Model artifact of Trainer
      2/

Only the last two are kept: one to start from, and one more in case the last is the candidate.
"""

import os
import shutil
import uuid
from pathlib import Path

from components.pusher import push

KEPT = 2
SERVING = "Format-Serving"
_COPYING = ".copying-"


def keep(model_dir: Path, released_dir: Path) -> Path:
    """Copies a model into the folder, unless it is the last one there.

    Args:
      model_dir: the folder of a Model artifact.
      released_dir: created if it is missing.

    Returns:
      The folder of the copy.
    """
    released_dir.mkdir(parents=True, exist_ok=True)
    for path in released_dir.glob(f"{_COPYING}*"):
        shutil.rmtree(path, ignore_errors=True)
    last = latest(released_dir)
    if last is not None and _same(model_dir, last):
        return last
    temporary = released_dir / f"{_COPYING}{uuid.uuid4().hex}"
    shutil.copytree(model_dir, temporary)
    target = released_dir / str(int(last.name) + 1 if last else 1)
    os.replace(temporary, target)
    for path in _kept(released_dir)[:-KEPT]:
        shutil.rmtree(path)
    return target


def latest(released_dir: Path, candidate: Path | None = None) -> Path | None:
    """Returns the last released model other than the candidate; None if there is none.

    Args:
      released_dir: may be missing.
      candidate: the folder of a Model artifact.
    """
    for path in reversed(_kept(released_dir)):
        if candidate is None or not _same(candidate, path):
            return path
    return None


def _same(first: Path, second: Path) -> bool:
    return push.same(first / SERVING, second / SERVING)


def _kept(released_dir: Path) -> list[Path]:
    """Returns the models, the oldest first."""
    if not released_dir.is_dir():
        return []
    paths = [path for path in released_dir.iterdir() if path.name.isdecimal()]
    return sorted(paths, key=lambda path: int(path.name))
