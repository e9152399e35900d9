"""Lists the versions of a model on disk, and changes them: rollback, promotion, retention.

    OUTPUT/serving/NAME/
      1764000000/      a version: saved_model.pb, variables/, assets/
      1764003600/      the highest complete one is served, see served_version.py
      .withdrawn/
        1764007200/    withdrawn: servers ignore it

TensorFlow Serving and KServe follow the same rule, so a rollback reaches every server that reads
the folder. Every step is one rename, and after each step the served version is either the previous
or the requested one: a crash leaves no third state. A version that is pushed later has a higher
number and is served.
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
    """Returns a model's name, which is its folder's.

    It becomes part of URLs, and Triton makes it part of a shell command.

    Raises:
      errors.UserError: it has characters that are not safe there.
    """
    name = model_dir.resolve().name
    if not _NAME.fullmatch(name):
        raise errors.UserError(
            f"The folder's name {name!r} cannot be a model's name: allowed are the letters A to Z and"
            " a to z, digits and . _ -; rename the folder."
        )
    return name


@dataclass(frozen=True)
class Version:
    """A version on disk.

    Attributes:
      number: its folder's name.
      path: the folder.
      withdrawn: whether it was withdrawn.
      whole: whether its SavedModel is complete and not damaged.
    """

    number: int
    path: Path
    withdrawn: bool
    whole: bool


def listed(model_dir: Path) -> list[Version]:
    """Returns all versions, lowest first.

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
    """Returns the served version: the highest complete one that is not withdrawn.

    Raises:
      errors.UserError: there is none, or no such folder.
    """
    _require_folder(model_dir)
    number = served_version.served(model_dir)
    if number is None:
        raise errors.UserError(
            f"{model_dir} contains no version; a version is a folder such as {model_dir / '1'} with"
            f" {served_version.SAVED_MODEL_FILE} inside."
        )
    return Version(number, model_dir / str(number), withdrawn=False, whole=True)


def find(model_dir: Path, number: int) -> Version:
    """Returns a complete version by its number, withdrawn or not.

    Raises:
      errors.UserError: there is no such version.
    """
    known = listed(model_dir)
    wanted = next((one for one in known if one.number == number), None)
    if wanted is None or not wanted.whole:
        numbers = ", ".join(str(one.number) for one in known if one.whole)
        raise errors.UserError(f"{model_dir} has no complete version {number}; it has {numbers}.")
    return wanted


def rollback(model_dir: Path, number: int | None = None) -> Version:
    """Serves an earlier version again and withdraws the versions above it.

    Args:
      model_dir: the model's folder.
      number: the version; None: the one before the served version.

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
    """Serves a version, withdrawn or not, and withdraws the versions above it.

    Raises:
      errors.UserError: there is no such version.
    """
    return _serve(model_dir, number)


def prune(model_dir: Path, keep: int) -> list[Version]:
    """Deletes all versions but the highest ones, and never the served version.

    Args:
      model_dir: the model's folder.
      keep: the number of highest versions to keep, withdrawn ones included.

    Returns:
      The deleted versions.

    Raises:
      errors.UserError: ``keep`` is below 1, or no version is served.
    """
    if keep < 1:
        raise errors.UserError(f"--keep is {keep}; at least 1 version is kept.")
    current = served(model_dir)
    # A version that is being written is incomplete, but higher than the served one.
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
    # Lowest first: until the last one is moved, the highest is still the previously served one.
    for version in above:
        target = withdrawn / str(version.number)
        if target.exists():  # the same number was pushed again
            target.rename(model_dir / f"{_TRASH}{uuid.uuid4().hex}")
        version.path.rename(target)
    return _version(model_dir / str(number), False)


def _require_folder(model_dir: Path) -> None:
    if not model_dir.is_dir():
        raise errors.UserError(
            f"There is no folder {model_dir}; --model-dir is the folder of a pushed model, such as"
            " output/serving/digits."
        )


def _version(path: Path, withdrawn: bool) -> Version:
    return Version(int(path.name), path, withdrawn, served_version.is_whole(path))
