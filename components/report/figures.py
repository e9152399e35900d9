"""Figures as they are read, the same on the page and in the model card."""

import math

UNDEFINED = "–"
MINUS = "−"


def percent(value: float | None, digits: int = 1) -> str:
    """A rate in 0–1: "94.6%"."""
    return UNDEFINED if _is_missing(value) else f"{value:.{digits}%}"


def points(value: float | None, plus: str = "+") -> str:
    """A difference of rates in percentage points: "+1.2", "−0.4", "0.0"."""
    if value is None or _is_missing(value):
        return UNDEFINED
    text = f"{100 * value:+.1f}"
    return "0.0" if float(text) == 0 else text.replace("-", MINUS).replace("+", plus)


def decimal(value: float | None, digits: int = 3) -> str:
    """A number with a fixed number of digits after the point."""
    return UNDEFINED if _is_missing(value) else f"{value:.{digits}f}".replace("-", MINUS)


def short(value: float | None) -> str:
    """A number of any size with about three digits: "0.001", "1e-06", "12,400"."""
    if value is None or _is_missing(value):
        return UNDEFINED
    text = f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"
    return text.replace("-", MINUS)


def duration(seconds: float | None) -> str:
    """Wall time: "41 s", "4:05 min", "2:03 h"."""
    if seconds is None or _is_missing(seconds):
        return UNDEFINED
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60}:{whole % 60:02d} min"
    return f"{whole // 3600}:{whole % 3600 // 60:02d} h"


def count(value: int | None) -> str:
    """A count with separators: "12,400"."""
    return UNDEFINED if value is None else f"{value:,}"


def operations(value: int) -> str:
    """Multiply-adds with a unit: "144", "7.37M", "4.39G"; nothing for 0."""
    for unit, scale in (("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if value >= scale:
            return f"{value / scale:.2f}{unit}"
    return str(value) if value else ""


def key(value: float | None) -> str:
    """A number as a table sorts by it, exact; empty where there is none."""
    return "" if value is None or _is_missing(value) else repr(value)


def finite(value: float | None) -> float | None:
    """The number itself, None where it is none or infinite."""
    return None if value is None or not math.isfinite(value) else value


def _is_missing(value: float | None) -> bool:
    return value is None or math.isnan(value)
