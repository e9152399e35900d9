"""Chooses the range of values that a set's images are scaled from, and describes it."""

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

from data.images import value_range
from data.images.value_range import FLOAT, INTEGER, Kind, Range, Scale, Values

Named = Literal["auto", "type", "percentile"]
Setting = Named | tuple[float, float]
_BITS = (8, 10, 12, 14, 16)  # of sensors and scanners
_MAX_32 = 2**31 - 1  # Pillow reads 32-bit integers as signed


@dataclass(frozen=True)
class Scaled:
    """The scaling of all images of one kind of values, as it is reported to people.

    Attributes:
      kind: "integer" or "float".
      setting: the setting that was applied.
      range: the range that was scaled to 0–255.
      files: the number of files.
      smallest, largest: of all their values.
      path: of a file with the largest value.
      clipped: how many files have values outside the range.
      rescaled: how many had been stored with another range, and are stored again.
    """

    kind: Kind
    setting: str
    range: Range
    files: int
    smallest: float
    largest: float
    path: str
    clipped: int = 0
    rescaled: int = 0

    @classmethod
    def from_dict(cls, raw: Mapping[str, Any]) -> "Scaled":
        """Reads the result of dataclasses.asdict, also from JSON."""
        return cls(**{**raw, "range": Range(*raw["range"])})

    @property
    def is_guessed(self) -> bool:
        """Returns whether the range follows from the values of the set."""
        return self.setting in ("auto", "percentile")

    def sentence(self) -> str:
        """Returns a sentence on what was scaled, from which range, and why."""
        names = {INTEGER: "grey integers of 16 bits or more", FLOAT: "floating-point numbers"}
        low = f"from {self.smallest:.10g} " if self.smallest < 0 else ""
        text = (
            f"{self.files:,} {'file holds' if self.files == 1 else 'files hold'}"
            f" {names[self.kind]}, values {low}up to {self.largest:.10g} ({self.path}): scaled"
            f" from {self.range} to 0–255, by --ingest.value-range {self.setting}"
        )
        if self.clipped:
            text += f"; {self.clipped:,} of them have values outside, which are clipped"
        if self.rescaled:
            text += f"; {self.rescaled:,} of them had another range before and are stored again"
        return f"{text}."


def parse(raw: Any) -> Setting:
    """Parses a setting from YAML, or as "LOW,HIGH" from a command line.

    Raises:
      ValueError: it is neither a name nor two different numbers, the smaller one first.
    """
    for name in get_args(Named):
        if raw == name:
            return name  # type: ignore[no-any-return]
    parts = raw.strip("[]() ").split(",") if isinstance(raw, str) else raw
    try:
        low, high = (float(part) for part in parts)
    except (TypeError, ValueError):
        raise ValueError(
            "auto, type, percentile, or two numbers LOW,HIGH are allowed, such as 0,4095"
        ) from None
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        raise ValueError("of two numbers LOW,HIGH, the first must be smaller, and both finite")
    return low, high


def decide(
    setting: Setting, known: Mapping[str, Values], counted: Mapping[str, value_range.Counter]
) -> tuple[Scale, list[Scaled]]:
    """Chooses the ranges that all images of a set are scaled by.

    * [low, high]: these values.
    * "type": 0–65535 for integers, and the range of 32 bits once a value of the set lies outside;
      floating-point numbers have no range of their own and are scaled as by "auto".
    * "auto": integers from 0 to the largest value of 8, 10, 12, 14 or 16 bits, the fewest that
      hold all values of the set; floating-point numbers from 0–1. Where values lie outside: from
      0, or the smallest if it is negative, to the largest value of the set.
    * "percentile": from the 0.5th to the 99.5th percentile of all values of the set.

    Args:
      setting: ``ingest.value_range``.
      known: path → the values of each image of more than 8 bits.
      counted: kind → its values; used only by "percentile".

    Returns:
      The ranges, and what to report: one entry for each kind in the set.
    """
    ranges: dict[Kind, Range] = {}
    scaled = []
    for kind in (INTEGER, FLOAT):
        members = {path: values for path, values in known.items() if values.kind == kind}
        found = _decide(setting, kind, list(members.values()), counted.get(kind))
        # A set with a single value becomes black.
        ranges[kind] = found if found.high > found.low else Range(found.low, found.low + 1)
        if members:
            scaled.append(_tell(kind, setting, ranges[kind], members))
    return Scale(ranges[INTEGER], ranges[FLOAT], counted=setting == "percentile"), scaled


def _decide(
    setting: Setting, kind: Kind, members: list[Values], counted: value_range.Counter | None
) -> Range:
    if not isinstance(setting, str):
        return Range(*setting)
    smallest, largest = _extent_of(members)
    if setting == "percentile":
        found = counted.percentiles(kind) if counted else None
        return found or Scale().of(kind)
    if kind == FLOAT:
        inside = smallest >= 0 and largest <= 1
        return Range(0, 1) if inside else Range(min(smallest, 0), largest)
    inside = smallest >= 0 and largest <= value_range.MAX_16
    if setting == "type":
        return (
            value_range.TYPE_16 if inside else Range(0 if smallest >= 0 else -_MAX_32 - 1, _MAX_32)
        )
    if not members:
        return value_range.TYPE_16
    if not inside:
        return Range(min(smallest, 0), largest)
    return Range(0, min((1 << bits) - 1 for bits in _BITS if largest < 1 << bits))


def _extent_of(members: Collection[Values]) -> tuple[float, float]:
    smallest = min((values.smallest for values in members), default=0.0)
    return smallest, max((values.largest for values in members), default=0.0)


def _tell(kind: Kind, setting: Setting, used: Range, members: Mapping[str, Values]) -> Scaled:
    smallest, largest = _extent_of(members.values())
    outside = [
        values
        for values in members.values()
        if values.smallest < used.low or values.largest > used.high
    ]
    return Scaled(
        kind=kind,
        setting=setting if isinstance(setting, str) else "{:.10g},{:.10g}".format(*setting),
        range=used,
        files=len(members),
        smallest=smallest,
        largest=largest,
        path=min(path for path, values in members.items() if values.largest == largest),
        clipped=len(outside),
    )
