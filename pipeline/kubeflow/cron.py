"""Converts cron expressions of five fields to the six of Kubeflow, seconds first."""

import re

# Field → (name, lowest, highest, names).
_MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
_DAYS = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"]
_FIELDS: tuple[tuple[str, int, int, dict[str, int]], ...] = (
    ("minute", 0, 59, {}),
    ("hour", 0, 23, {}),
    ("day of the month", 1, 31, {}),
    ("month", 1, 12, {name: number for number, name in enumerate(_MONTHS, 1)}),
    ("day of the week", 0, 7, {name: number for number, name in enumerate(_DAYS)}),
)
_ITEM = re.compile(r"(\*|[a-z0-9]+)(?:-([a-z0-9]+))?(?:/([0-9]+))?")


def check(expression: str) -> str:
    """Checks an expression; returns it in lower case with single spaces.

    Args:
      expression: minute, hour, day of the month, month, day of the week: numbers, names of
        months and days, ``*``, ranges, steps and lists.

    Raises:
      ValueError: it is invalid; one sentence states why.
    """
    fields = expression.lower().split()
    if len(fields) != len(_FIELDS):
        raise ValueError(
            f"a schedule has five fields (minute, hour, day, month, weekday), not {len(fields)}"
        )
    for text, (name, low, high, names) in zip(fields, _FIELDS, strict=True):
        for item in text.split(","):
            _check_item(item, name, low, high, names)
    return " ".join(fields)


def six_fields(expression: str) -> str:
    """Converts an expression for Kubeflow: seconds first, and Sunday only as 0.

    Args:
      expression: five fields; see :func:`check`.
    """
    *before, weekday = check(expression).split()
    days = ",".join(_weekdays(item) for item in weekday.split(","))
    return " ".join(["0", *before, days])


def _check_item(item: str, name: str, low: int, high: int, names: dict[str, int]) -> None:
    found = _ITEM.fullmatch(item)
    if not found or (found[1] == "*" and found[2]):
        raise ValueError(f"{item!r} is no {name}")
    numbers = [_number(part, names) for part in (found[1], found[2]) if part and part != "*"]
    if any(number is None or not low <= number <= high for number in numbers):
        raise ValueError(f"{item!r} is no {name}: {low} to {high} are")
    if len(numbers) == 2 and numbers[0] > numbers[1]:  # type: ignore[operator]
        raise ValueError(f"{item!r} is no {name}: a range goes from low to high")
    if found[3] is not None and int(found[3]) == 0:
        raise ValueError(f"{item!r} is no {name}: a step is at least 1")


def _number(text: str, names: dict[str, int]) -> int | None:
    return int(text) if text.isdecimal() else names.get(text)


def _weekdays(item: str) -> str:
    """Replaces an item with 7 for Sunday by the list of its days: Kubeflow ends at 6."""
    span, _, step = item.partition("/")
    first, _, last = span.partition("-")
    if "7" not in (first, last):
        return item
    low = _number(first, _FIELDS[4][3]) or 0
    days = range(low, 8 if last or step else low + 1, int(step or 1))
    return ",".join(dict.fromkeys(str(day % 7) for day in days))
