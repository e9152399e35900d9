"""Number formats: the only owner of how a rate, a count or a time is written.

Sentences, terminal tables and pages all use it; ``pages.py`` offers the same functions as filters
of templates. A number that is None or NaN is undefined, and shown as ``UNDEFINED`` or as the
caller's replacement.
"""

import math

UNDEFINED = "–"
MINUS = "−"


def percent(value: float | None, digits: int = 1, undefined: str = UNDEFINED) -> str:
    """Formats a rate in 0–1: "94.6%"."""
    return undefined if _is_missing(value) else f"{value:.{digits}%}"


def tick(value: float) -> str:
    """Formats a rate in 0–1 with as few digits as it needs: "20%", "97.5%"."""
    return f"{float(f'{100 * value:.4g}'):g}%"


def bounds(interval: tuple[float, float] | None) -> str:
    """Formats an interval of rates in percent: "91.0–96.8"; empty if there is none."""
    return f"{100 * interval[0]:.1f}–{100 * interval[1]:.1f}" if interval else ""


def points(value: float | None, plus: str = "+") -> str:
    """Formats a difference of rates in percentage points: "+1.2", "−0.4", "0.0"."""
    if value is None or _is_missing(value):
        return UNDEFINED
    text = f"{100 * value:+.1f}"
    return "0.0" if float(text) == 0 else text.replace("-", MINUS).replace("+", plus)


def size_in_points(difference: float) -> str:
    """Formats the size of a difference of two rates, without its sign: "4.0 points"."""
    return f"{100 * abs(difference):.1f} points"


def decimal(value: float | None, digits: int = 3) -> str:
    """Formats a number with a fixed number of digits after the point."""
    return UNDEFINED if _is_missing(value) else f"{value:.{digits}f}".replace("-", MINUS)


def short(value: float | None) -> str:
    """Formats a number of any size with about three digits: "0.001", "1e-06", "12,400"."""
    if value is None or _is_missing(value):
        return UNDEFINED
    text = f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"
    return text.replace("-", MINUS)


def duration(seconds: float | None) -> str:
    """Formats wall time: "41 s", "4:05 min", "2:03 h"."""
    if seconds is None or _is_missing(seconds):
        return UNDEFINED
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60}:{whole % 60:02d} min"
    return f"{whole // 3600}:{whole % 3600 // 60:02d} h"


def count(value: int | None) -> str:
    """Formats a count with separators: "12,400"."""
    return UNDEFINED if value is None else f"{value:,}"


def plural(value: float, noun: str, nouns: str = "") -> str:
    """Formats a count with its noun: "1 file", "12,400 files"."""
    return f"{value:,} {noun if value == 1 else nouns or f'{noun}s'}"


def heading(text: str) -> str:
    """Returns words as a heading: "Micro F1"; a first word with capitals stays as it is: "mAP"."""
    return text[:1].upper() + text[1:] if text.split(" ")[0].islower() else text


def operations(value: int) -> str:
    """Formats multiply-adds or parameters: "144", "7.37M", "4.39G"; empty for 0."""
    for unit, scale in (("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if value >= scale:
            return f"{value / scale:.2f}{unit}"
    return str(value) if value else ""


def key(value: float | None) -> str:
    """Formats a number exactly, as a sort key of a table; empty where there is none."""
    return "" if value is None or _is_missing(value) else repr(value)


def _is_missing(value: float | None) -> bool:
    return value is None or math.isnan(value)
