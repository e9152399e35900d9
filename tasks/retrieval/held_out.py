"""Classes that a projection is not trained on: it is judged by what it has never seen.

The choice follows from the names alone, so it stays the same when images are added.
"""

import hashlib
from collections.abc import Mapping, Sequence

# With fewer classes, none is held out: the others would be too few to learn from.
FEWEST_CLASSES = 5
FEWEST_HELD_OUT = 2
FEWEST_TRAINED = 3


def choose(names: Sequence[str], fraction: float) -> tuple[list[str], str]:
    """Chooses classes.

    Args:
      names: the classes with train images.
      fraction: of them, in 0–0.5.

    Returns:
      The held-out classes, sorted, and a sentence for the user.
    """
    if fraction == 0:
        return [], "No class is held out: train.retrieval.held_out_fraction is 0."
    if len(names) < FEWEST_CLASSES:
        return [], (
            f"No class is held out: there are {len(names)} classes, and at least {FEWEST_CLASSES} are"
            " needed."
        )
    count = max(FEWEST_HELD_OUT, round(fraction * len(names)))
    count = min(count, len(names) - FEWEST_TRAINED)
    ordered = sorted(names, key=_place)
    chosen = sorted(ordered[:count])
    return chosen, f"{count} of {len(names)} classes are held out."


def _place(name: str) -> tuple[bytes, str]:
    return hashlib.sha256(name.encode("utf-8", "surrogateescape")).digest(), name


def images(
    label_ids: Sequence[int], numbers: Mapping[str, int], chosen: Sequence[str]
) -> list[bool]:
    """Tells which images belong to one of the chosen classes."""
    wanted = {numbers[name] for name in chosen}
    return [label_id in wanted for label_id in label_ids]
