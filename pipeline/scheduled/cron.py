"""Converts cron expressions with cron's meaning for APScheduler.

APScheduler 3 counts the days of the week from Monday, cron from Sunday; and where both a day of
the month and one of the week are given, cron fires on either, APScheduler only on both.
"""

import datetime

from apscheduler.triggers import base, combining
from apscheduler.triggers import cron as apscheduler_cron

DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
ALIASES = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}


def trigger(expression: str, timezone: datetime.tzinfo | None = None) -> base.BaseTrigger:
    """Returns the trigger of a cron expression.

    Args:
      expression: minute, hour, day of the month, month, day of the week; or ``@daily`` and such.
      timezone: by default that of the system.

    Raises:
      ValueError: it is not a cron expression; states why.
    """
    fields = ALIASES.get(expression.strip().lower(), expression).split()
    if len(fields) != 5:
        raise ValueError(
            "five fields are needed: minute, hour, day of the month, month and day of the week,"
            " such as 0 3 * * mon"
        )
    minute, hour, day, month, weekday = fields
    days = weekdays(weekday)

    def made(day: str, day_of_week: str) -> base.BaseTrigger:
        return apscheduler_cron.CronTrigger(
            minute=minute,
            hour=hour,
            day=day,
            month=month.lower(),
            day_of_week=day_of_week,
            timezone=timezone,
        )

    # As in crontab(5): a field that begins with an asterisk does not restrict by itself.
    if day.startswith("*") or weekday.startswith("*"):
        return made(day, days)
    return combining.OrTrigger([made(day, "*"), made("*", days)])


def weekdays(field: str) -> str:
    """Cron's field of weekdays by names, which mean the same everywhere: "1-5" → "mon,tue,…".

    Args:
      field: numbers from 0, Sunday, to 7, Sunday too; names; ranges, steps and lists of them.

    Raises:
      ValueError: it is not a valid field.
    """
    chosen: set[int] = set()
    for part in field.lower().split(","):
        span, slash, step = part.partition("/")
        if slash and (not step.isdecimal() or int(step) == 0):
            raise ValueError(f"{part!r} in the days of the week has no step such as */2")
        first, dash, last = span.partition("-")
        if span == "*":
            begin, end = 0, 6
        else:
            begin = _number(first)
            end = _number(last) if dash else (6 if slash else begin)
            if dash and end == 0 and not last.isdecimal():
                end = 7  # fri-sun
        if end < begin:
            raise ValueError(f"{part!r} in the days of the week ends before it begins")
        chosen |= {number % 7 for number in range(begin, end + 1, int(step or 1))}
    return "*" if len(chosen) == 7 else ",".join(DAYS[number] for number in sorted(chosen))


def _number(day: str) -> int:
    if day in DAYS:
        return DAYS.index(day)
    if not day.isdecimal() or int(day) > 7:
        raise ValueError(
            f"{day!r} is no day of the week; 0 to 7 (0 and 7 are Sunday) or sun to sat"
        )
    return int(day)
