"""Lists the versions of a model on disk, and changes them: rollback, promotion, retention.

    OUTPUT/serving/NAME/
      1764000000/      a version: saved_model.pb, variables/, assets/
      1764003600/      the highest whole one is served, see served_version.py
      .withdrawn/
        1764007200/    taken back: no server sees it

This is the rule of TensorFlow Serving and of KServe too, so a rollback reaches every server that
reads the folder. Every step is one rename, and at each step between, the version served is the
one from before or the one wanted: a crash leaves nothing half done. What is pushed later has a
higher number, and is served.
"""

import re
import shutil
import uuid
from dataclasses import dataclass
from pathlib import Path

from serving import errors, served_version

_TRASH = ".deleted-"
_NAME = re.compile("[A-Za-z0-9._-]+")


def model_name(model_dir: Path) -> str:
    """Returns the name of the model of a folder: the folder's own.

    It becomes part of URLs, and Triton makes it part of a shell's command.

    Raises:
      errors.UserError: it has other characters than these can carry.
    """
    name = model_dir.resolve().name
    if not _NAME.fullmatch(name):
        raise errors.UserError(
            f"The model's name is its folder's, and {name!r} cannot be one: allowed are letters of"
            " English, digits and . _ -; rename the folder."
        )
    return name


@dataclass(frozen=True)
class Version:
    """A version on disk.

    Attributes:
      number: its folder's name.
      path: the folder.
      withdrawn: whether it was taken back.
      whole: whether its SavedModel has been written; false too where that is damaged.
    """

    number: int
    path: Path
    withdrawn: bool
    whole: bool


def listed(model_dir: Path) -> list[Version]:
    """All versions, the lowest first.

    Raises:
      errors.UserError: there is no such folder.
    """
    _require_folder(model_dir)
    visible = served_version.numbered(model_dir)
    withdrawn = served_version.numbered(model_dir / served_version.WITHDRAWN)
    found = {number: _version(path, True) for number, path in withdrawn.items()}
    found |= {number: _version(path, False) for number, path in visible.items()}
    return [found[number] for number in sorted(found)]


def served(model_dir: Path) -> Version:
    """The version that servers serve: the highest whole one that is not withdrawn.

    Raises:
      errors.UserError: there is none, or no such folder.
    """
    _require_folder(model_dir)
    number = served_version.served(model_dir)
    if number is None:
        raise errors.UserError(
            f"{model_dir} holds no version; one is a folder such as {model_dir / '1'} with"
            f" {served_version.SAVED_MODEL_FILE} inside."
        )
    return Version(number, model_dir / str(number), withdrawn=False, whole=True)


def find(model_dir: Path, number: int) -> Version:
    """A whole version by its number, be it withdrawn or not.

    Raises:
      errors.UserError: there is no such version.
    """
    known = listed(model_dir)
    wanted = next((one for one in known if one.number == number), None)
    if wanted is None or not wanted.whole:
        numbers = ", ".join(str(one.number) for one in known if one.whole)
        raise errors.UserError(f"{model_dir} has no whole version {number}; it has {numbers}.")
    return wanted


def rollback(model_dir: Path, number: int | None = None) -> Version:
    """Serves an earlier version again, and withdraws those above it.

    Args:
      model_dir: the model's folder.
      number: the version; None: the one before that served.

    Raises:
      errors.UserError: there is no such version, or it is not an earlier one.
    """
    current = served(model_dir)
    if number is None:
        earlier = [one for one in listed(model_dir) if one.whole and one.number < current.number]
        if not earlier:
            raise errors.UserError(f"{model_dir} has no version before {current.number}.")
        number = earlier[-1].number
    if number >= current.number:
        raise errors.UserError(
            f"Version {number} is not before {current.number}, which is served; use promote."
        )
    return _serve(model_dir, number)


def promote(model_dir: Path, number: int) -> Version:
    """Serves a version, be it withdrawn or not, and withdraws those above it.

    Raises:
      errors.UserError: there is no such version.
    """
    return _serve(model_dir, number)


def prune(model_dir: Path, keep: int) -> list[Version]:
    """Deletes all versions but the last ones, and never the one served.

    Args:
      model_dir: the model's folder.
      keep: how many of the highest remain, withdrawn ones included.

    Returns:
      What was deleted.

    Raises:
      errors.UserError: ``keep`` is below 1, or nothing is served.
    """
    if keep < 1:
        raise errors.UserError(f"--keep is {keep}; at least 1 version is kept.")
    current = served(model_dir)
    # One that is being written right now is not whole yet: it is higher than the one served.
    old = [one for one in listed(model_dir)[:-keep] if one.number != current.number]
    for version in old:
        trash = model_dir / f"{_TRASH}{uuid.uuid4().hex}"
        version.path.rename(trash)
    for trash in model_dir.glob(f"{_TRASH}*"):
        shutil.rmtree(trash, ignore_errors=True)
    return old


def _serve(model_dir: Path, number: int) -> Version:
    wanted = find(model_dir, number)
    above = [
        one for one in listed(model_dir) if one.number > number and one.whole and not one.withdrawn
    ]
    withdrawn = model_dir / served_version.WITHDRAWN
    withdrawn.mkdir(exist_ok=True)
    if wanted.withdrawn:
        wanted.path.rename(model_dir / str(number))
    # The lowest first: until the last one is gone, the highest is still the one from before.
    for version in above:
        target = withdrawn / str(version.number)
        if target.exists():  # the same number was pushed again
            target.rename(model_dir / f"{_TRASH}{uuid.uuid4().hex}")
        version.path.rename(target)
    return _version(model_dir / str(number), False)


def _require_folder(model_dir: Path) -> None:
    if not model_dir.is_dir():
        raise errors.UserError(
            f"There is no folder {model_dir}; --model-dir is a pushed model's, such as"
            " output/serving/digits."
        )


def _version(path: Path, withdrawn: bool) -> Version:
    return Version(int(path.name), path, withdrawn, served_version.is_whole(path))
