"""Finds class folders without an image: nothing could be learned for such classes."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from data.layout import names, sniff
from data.layout.unused import Reason

LOOKS = 50  # files of a class that are opened before it counts as one without an image

_REASONS = {
    sniff.Verdict.NEEDS_EXTRA: Reason.EXTRA_NOT_INSTALLED,
    sniff.Verdict.LINK_OUTSIDE: Reason.LINK_NOT_FOLLOWED,
}


@dataclass
class _Candidates:
    """The first few files of a class: those that may be images by name, and the others."""

    likely: list[str] = field(default_factory=list)
    unlikely: list[str] = field(default_factory=list)
    likely_total: int = 0

    def add(self, path: str) -> None:
        name = path.rpartition("/")[2]
        likely = names.has_image_suffix(name) or not names.has_suffix(name)
        self.likely_total += likely
        group = self.likely if likely else self.unlikely
        if len(group) < LOOKS:
            group.append(path)


def without_image(root: Path, files: Iterable[tuple[str, str]]) -> dict[str, Reason]:
    """Finds the classes of which no file begins like an image.

    Usually one file a class is opened. A class with more possible images than are opened counts as
    a class, and ingest decides.

    Args:
      root: the data folder.
      files: (path relative to the root, class name) of each.

    Returns:
      Class name → why none of its files is used.
    """
    candidates: dict[str, _Candidates] = {}
    for path, class_name in files:
        candidates.setdefault(class_name, _Candidates()).add(path)
    found = {}
    for class_name, some in candidates.items():
        verdicts: Counter[sniff.Verdict] = Counter()
        for path in (*some.likely, *some.unlikely):
            verdict = sniff.look(root, path)
            verdicts[verdict] += 1
            if verdict is sniff.Verdict.IMAGE:
                break
        undecided = some.likely_total > len(some.likely) and not verdicts.keys() & _REASONS.keys()
        if not verdicts[sniff.Verdict.IMAGE] and not undecided:
            causes = [reason for verdict, reason in _REASONS.items() if verdicts[verdict]]
            found[class_name] = causes[0] if causes else Reason.NO_IMAGE_IN_FOLDER
    return found
