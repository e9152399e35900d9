"""Explains why a step runs: the differences from its last successful execution.

Settings are parameters of the step in TFX's sense; most are nested JSON, so they are parsed into
single values before they are compared. Imports no TFX.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from data.files import read_back
from pipeline.settings import nested

# Keys that wrap settings inside TFX; without meaning for a reader.
_WRAPPERS = frozenset(
    {"settings", "custom_config", "value", "config", "@type", "resolved", "base_config"}
)
_CODE = frozenset({"code"})
_DATA = frozenset({"fingerprint", "input_base", "input_config", "input_fingerprint"})
_CORRECTIONS = "corrections"
_MAX_NAMED = 3
_WHAT = "property of an execution"
_MAX_SHOWN = 30  # characters of a value
_ABSENT = "absent"


def why(
    old: Mapping[str, Any] | None,
    new: Mapping[str, Any],
    old_inputs: Mapping[str, Sequence[int]],
    new_inputs: Mapping[str, Sequence[int]],
) -> str:
    """Returns the reason in a few words.

    Args:
      old: parameters of the last successful execution; None if there is none.
      new: parameters of the planned execution.
      old_inputs: input key → the ids of its artifacts, of the last successful execution.
      new_inputs: input key → the ids of its artifacts, of the planned execution.
    """
    if old is None:
        return "never ran"
    before, after = flat(old), flat(new)
    changed = [
        name for name in dict.fromkeys([*before, *after]) if before.get(name) != after.get(name)
    ]
    code = [name for name in changed if _last(name) in _CODE]
    data = [name for name in changed if _last(name) in _DATA]
    corrections = [name for name in changed if _CORRECTIONS in name.split(".")]
    settings = [name for name in changed if name not in (*code, *data, *corrections)]
    reasons = ["new data"] if data else []
    if corrections:
        reasons.append("changed corrections")
    if settings:
        shown = [_change(name, before, after) for name in settings[:_MAX_NAMED]]
        more = f" and {len(settings) - _MAX_NAMED} more" if len(settings) > _MAX_NAMED else ""
        reasons.append(f"changed config: {', '.join(shown)}{more}")
    if code:
        reasons.append("changed code")
    other = [
        key
        for key in dict.fromkeys([*old_inputs, *new_inputs])
        if list(old_inputs.get(key, ())) != list(new_inputs.get(key, ()))
    ]
    if other:
        reasons.append(f"other {', '.join(other)} than its last time")
    return "; ".join(reasons) or "its earlier output is gone, or TFX changed"


def flat(values: Any) -> dict[str, str]:
    """Flattens nested values, with JSON and YAML text in them, to dotted name → text."""
    return {name or "value": _text(value) for name, value in nested.flat(values, _inside).items()}


def _inside(value: Any) -> list[tuple[str, Any]] | None:
    """Returns the members of a mapping, of a list of such, or of either as text; wrappers have no name."""
    value = _parsed(value)
    if isinstance(value, Mapping):
        named = ((str(name), one) for name, one in value.items())
        return [("" if name in _WRAPPERS else name, one) for name, one in named]
    if isinstance(value, list) and any(isinstance(one, dict | list) for one in value):
        return [(str(index), one) for index, one in enumerate(value)]
    return None


def _text(value: Any) -> str:
    value = _parsed(value)
    return value if isinstance(value, str) else json.dumps(value, default=str)


def _parsed(text: Any) -> Any:
    """Parses a text that is JSON or a YAML file; returns any other value unchanged."""
    if not isinstance(text, str):
        return text
    try:
        if text[:1] in ("{", "["):
            return read_back.from_json(text, _WHAT, lambda found: found)
        if "\n" in text and ":" in text:
            return read_back.from_yaml(
                text, _WHAT, lambda found: found if isinstance(found, dict) else text
            )
    except read_back.ReadError:
        return text
    return text


def _change(name: str, before: Mapping[str, str], after: Mapping[str, str]) -> str:
    old, new = before.get(name, _ABSENT), after.get(name, _ABSENT)
    if max(len(old), len(new)) > _MAX_SHOWN:
        return name
    return f"{name} {old} → {new}"


def _last(name: str) -> str:
    return name.rpartition(".")[2]
