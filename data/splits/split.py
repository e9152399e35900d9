"""Assigns images to splits: by group, stratified by class, and permanently.

Groups never straddle splits: exact duplicates, near-duplicates and, if a pattern finds it in the
file name, images of one patient, video or object. Each class is spread over the splits by the
shares. A ledger of earlier assignments has priority, so that no image ever moves when others
come or go: a former test image never becomes a training image.
"""

import csv
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from data.files import atomic, read_back

SPLITS = ("train", "eval", "test")
_BY_NEED = ("train", "test", "eval")  # the priority if two splits need an image equally
LEDGER_HEADER = ["sha256", "split"]
LEDGER_END = "images"  # begins the last line, with the number of rows above it
MAX_DISTANCE = 56  # as measured: see data/files/hashing.py
_SHA256 = re.compile("[0-9a-f]{64}")


class SplitConfig(BaseModel):
    """The shares of the splits that the pipeline assigns, and the groups that stay together."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    train: float = Field(0.8, gt=0, lt=1, description="share of images in the training split")
    eval: float = Field(0.1, gt=0, lt=1, description="share of images for early stopping")
    test: float = Field(0.1, gt=0, lt=1, description="share of images in the test split")
    max_duplicate_distance: int = Field(
        MAX_DISTANCE, ge=0, le=100, description="most bits, of 256, in which near-duplicates differ"
    )
    group_pattern: str | None = Field(
        None, description="regular expression on paths; images with equal matches share a split"
    )

    @model_validator(mode="after")
    def _sums_to_one(self) -> "SplitConfig":
        total = self.train + self.eval + self.test
        if abs(total - 1) > 1e-6:
            raise ValueError(f"the shares train + eval + test sum to {total:g}; they must sum to 1")
        return self

    @field_validator("group_pattern")
    @classmethod
    def _is_an_expression(cls, value: str | None) -> str | None:
        return checked_pattern(value)

    def group_key(self, path: str) -> str | None:
        """Returns the key of a path by the pattern, see the function of this name."""
        return group_key(self.group_pattern, path)


def checked_pattern(value: str | None) -> str | None:
    """Returns a pattern.

    Raises:
      ValueError: it is no regular expression.
    """
    try:
        re.compile(value or "")
    except re.error as error:
        raise ValueError(f"no regular expression: {error}") from error
    return value


def group_key(pattern: str | None, path: str) -> str | None:
    """Returns a pattern's match in a path: its first group, or the whole; None without a match."""
    found = re.search(pattern, path) if pattern else None
    return (found.group(1) if found.re.groups else found.group()) if found else None


@dataclass(frozen=True, slots=True)
class Item:
    """An image to assign.

    Attributes:
      sha256: of the file's bytes, in hex.
      labels: the names of its classes.
      given: the split that the source of the labels gives, or None.
      group: the same number for all images that must share a split.
    """

    sha256: str
    labels: tuple[str, ...]
    given: str | None
    group: int


def assign(
    items: Sequence[Item], config: SplitConfig, given_splits: set[str], ledger: Mapping[str, str]
) -> list[str]:
    """Chooses the split of each image; depends on their contents, never on their order.

    A split that the layout gives is kept. An eval or test split that the layout lacks is taken
    from its training split, at that split's share.

    Args:
      items: all images.
      config: the shares.
      given_splits: all the splits that the layout gives.
      ledger: sha256 → split, from earlier assignments.

    Returns:
      "train", "eval" or "test" for each image.
    """
    options = [name for name in _BY_NEED if name == "train" or name not in given_splits]
    movable = [index for index, item in enumerate(items) if item.given in (None, "train")]
    members: dict[int, list[int]] = defaultdict(list)
    for index in movable:
        members[items[index].group].append(index)
    targets = _targets(items, members.values(), config, options)
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    chosen = [item.given or "" for item in items]
    new: list[tuple[int, str, list[int]]] = []
    for indices in members.values():
        known = Counter(
            ledger[items[index].sha256]
            for index in indices
            if ledger.get(items[index].sha256) in options
        )
        if known:
            split = max(options, key=lambda name: known[name])
            for index in indices:
                earlier = ledger.get(items[index].sha256, split)
                chosen[index] = earlier if earlier in options else split
                for name in _classes(items[index]):
                    counts[name][chosen[index]] += 1
        else:
            new.append((-len(indices), min(items[index].sha256 for index in indices), indices))
    for _, _, indices in sorted(new):
        classes = _counted(items, indices)
        split = max(options, key=lambda name: _lack(name, classes, targets, counts))
        for index in indices:
            chosen[index] = split
            for name in _classes(items[index]):
                counts[name][split] += 1
    return chosen


def load_ledger(path: str | Path) -> dict[str, str]:
    """Reads a ledger; empty if there is no file yet.

    A person may edit rows; the last line, which counts them, reveals a ledger that lost some.

    Raises:
      errors.DataError: the file holds anything but digests and splits, or not as many rows as its
        last line states; names the backup to use.
    """
    remedy = atomic.remedy(path, "test images could become training images")
    try:
        return read_back.csv_rows(path, "ledger of splits", _ledger, remedy)
    except read_back.AbsentError:
        return {}


def save_ledger(path: str | Path, ledger: Mapping[str, str]) -> None:
    """Writes a sorted ledger atomically, and keeps the previous one as a backup."""
    with (
        atomic.replacing(path, durable=True, backup=True) as temporary,
        temporary.open("w", newline="", encoding="utf-8") as file,
    ):
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(LEDGER_HEADER)
        writer.writerows(sorted(ledger.items()))
        writer.writerow([LEDGER_END, len(ledger)])


def _ledger(rows: Iterator[list[str]]) -> dict[str, str]:
    header = next(rows, [])
    if header != LEDGER_HEADER:
        raise read_back.BrokenError(f"its header must be {','.join(LEDGER_HEADER)}; found {header}")
    found: dict[str, str] = {}
    said = None
    for row in rows:
        if said is not None or len(row) != 2:
            raise read_back.BrokenError(f"the row {row} is no digest with a split")
        if row[0] == LEDGER_END:
            said = row[1]
        elif not _SHA256.fullmatch(row[0]) or row[1] not in SPLITS:
            raise read_back.BrokenError(f"a split must be one of {', '.join(SPLITS)}; found {row}")
        elif row[0] in found:
            raise read_back.BrokenError(f"the image {row[0]} is in it twice")
        else:
            found[row[0]] = row[1]
    if said != str(len(found)):
        raise read_back.BrokenError(
            f"it holds {len(found)} images, and its last line says {said or 'nothing'} where"
            f" {LEDGER_END},{len(found)} is needed: rows are missing, or were added by hand without"
            " counting them there"
        )
    return found


def _classes(item: Item) -> tuple[str, ...]:
    """Returns what an image is stratified by: its labels; those without any are a class of their own."""
    return item.labels or ("",)


def _counted(items: Sequence[Item], indices: Sequence[int]) -> Mapping[str, int]:
    """Returns class → number of images in a group, most of which are a single image of one class."""
    if len(indices) == 1 and len(names := _classes(items[indices[0]])) == 1:
        return {names[0]: 1}
    return Counter(name for index in indices for name in _classes(items[index]))


def _targets(
    items: Sequence[Item],
    groups: Iterable[list[int]],
    config: SplitConfig,
    options: list[str],
) -> dict[str, dict[str, float]]:
    """Returns class → split → the wanted number of images; at least one for eval and test."""
    images: Counter[str] = Counter()
    groups_of: Counter[str] = Counter()
    for indices in groups:
        names = _counted(items, indices)
        for name, count in names.items():
            images[name] += count
            groups_of[name] += 1
    targets = {}
    for name, count in images.items():
        enough = groups_of[name] >= len(options)
        wanted = {
            split: max(getattr(config, split) * count, 1.0 if enough else 0.0)
            for split in options
            if split != "train"
        }
        targets[name] = {"train": count - sum(wanted.values()), **wanted}
    return targets


def _lack(
    split: str,
    classes: Mapping[str, int],
    targets: Mapping[str, Mapping[str, float]],
    counts: Mapping[str, Mapping[str, int]],
) -> float:
    """Returns how many images of some classes a split lacks, weighted by how many would come."""
    lack = sum(
        count * (targets[name][split] - counts.get(name, {}).get(split, 0))
        for name, count in classes.items()
    )
    return round(lack, 6)
