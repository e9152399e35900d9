"""Flattens nested values to dotted names."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

Members = Callable[[Any], Iterable[tuple[str, Any]] | None]


def members(value: Any) -> Iterable[tuple[str, Any]] | None:
    """Returns the members of a mapping that has any; None: the value stays whole."""
    if isinstance(value, Mapping) and value:
        return [(str(name), one) for name, one in value.items()]
    return None


def flat(value: Any, inside: Members = members, prefix: str = "") -> dict[str, Any]:
    """Flattens a value.

    Args:
      value: nested mappings, as a rule.
      inside: value → its members, or None where it stays whole. A member without a name takes
        that of what it is in.
      prefix: of all names.

    Returns:
      Dotted name → value; of several with one name the last.
    """
    found = inside(value)
    if found is None:
        return {prefix: value}
    rows: dict[str, Any] = {}
    for name, one in found:
        rows |= flat(one, inside, ".".join(part for part in (prefix, name) if part))
    return rows
