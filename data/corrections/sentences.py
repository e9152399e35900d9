"""What people are told about corrections, before a run and after it, in the same words everywhere."""

from collections.abc import Collection, Mapping

from data import formats
from data.corrections.decisions import Action


def planned(counts: Mapping[Action, int], new_classes: Collection[str] = ()) -> str:
    """Describes what a run will apply; empty if nothing.

    Args:
      counts: action → decisions that hold.
      new_classes: the classes that the label map gets by them.
    """
    parts = []
    if counts.get(Action.RELABEL):
        parts.append(f"{counts[Action.RELABEL]:,} to relabel")
    if new_classes:
        word = "class" if len(new_classes) == 1 else "classes"
        parts.append(f"new {word} {', '.join(map(repr, sorted(new_classes)))}")
    if counts.get(Action.DROP):
        parts.append(f"{counts[Action.DROP]:,} to drop")
    return ", ".join(parts)


def done(relabelled: Mapping[str, int], dropped: int, unmatched: int = 0) -> str:
    """Describes what was applied; empty if nothing.

    Args:
      relabelled: split → images with corrected labels.
      dropped: number of images that were left out.
      unmatched: number of corrections that no image matches any more.
    """
    parts = []
    if total := sum(relabelled.values()):
        splits = ", ".join(f"{count:,} {name}" for name, count in relabelled.items() if count)
        parts.append(f"{formats.plural(total, 'label')} corrected ({splits})")
    if dropped:
        parts.append(f"{formats.plural(dropped, 'image')} dropped")
    if unmatched:
        parts.append(f"{formats.plural(unmatched, 'correction')} that no image matches any more")
    return ", ".join(parts)
