"""Cron expressions against APScheduler's own numbering, over real weeks."""

import datetime
import zoneinfo

import pytest
from apscheduler.triggers import cron as apscheduler_cron

from pipeline.scheduled import cron

UTC = datetime.timezone.utc
SUNDAY = datetime.datetime(2031, 6, 1, tzinfo=UTC)  # also the first of a month


def days(trigger, count=7, start=SUNDAY) -> list[str]:
    """The days of the next ``count`` times."""
    found, time = [], None
    for _ in range(count):
        now = time.astimezone(UTC) + datetime.timedelta(minutes=1) if time else start
        time = trigger.get_next_fire_time(time, now)
        found.append(f"{time:%a %d}")
    return found


@pytest.mark.parametrize("number", range(8))
def test_days_are_counted_from_sunday(number):
    name = ("Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat")[number % 7]
    (ours,) = days(cron.trigger(f"0 3 * * {number}", UTC), 1)
    assert ours.startswith(name)


@pytest.mark.parametrize("number", range(7))
def test_apscheduler_itself_counts_from_monday(number):
    """Should that change, the translation is still right, and this test says so."""
    theirs = apscheduler_cron.CronTrigger.from_crontab(f"0 3 * * {number}", UTC)
    ours = cron.trigger(f"0 3 * * {(number + 1) % 7}", UTC)
    assert days(theirs) == days(ours)


@pytest.mark.parametrize(
    ("field", "names"),
    [
        ("*", "*"),
        ("1-5", "mon,tue,wed,thu,fri"),
        ("mon-fri", "mon,tue,wed,thu,fri"),
        ("MON,Wed", "mon,wed"),
        ("0,7", "sun"),
        ("5-7", "sun,fri,sat"),
        ("fri-sun", "sun,fri,sat"),
        ("*/2", "sun,tue,thu,sat"),
        ("1-5/2", "mon,wed,fri"),
        ("0-6", "*"),
        ("3/2", "wed,fri"),
    ],
)
def test_weekdays(field, names):
    assert cron.weekdays(field) == names


def test_a_day_of_the_month_or_one_of_the_week():
    """Cron fires on both kinds of days when both are given; APScheduler would want both at once."""
    assert days(cron.trigger("0 3 13 * 5", UTC), 5) == [
        "Fri 06",
        "Fri 13",
        "Fri 20",
        "Fri 27",
        "Fri 04",
    ]
    assert days(cron.trigger("0 3 3,15 * 5", UTC), 4) == ["Tue 03", "Fri 06", "Fri 13", "Sun 15"]
    assert days(cron.trigger("0 3 */2 * 5", UTC), 2) == ["Fri 13", "Fri 27"]


def test_month_names_and_aliases():
    times = days(cron.trigger("30 6 1 JUL *", UTC), 1)
    assert times == ["Tue 01"]
    assert days(cron.trigger("@weekly", UTC), 2) == ["Sun 01", "Sun 08"]


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("0 3 * *", "five fields"),
        ("0 3 * * 8", "'8' is no day of the week"),
        ("0 3 * * sunday", "'sunday' is no day"),
        ("0 3 * * 5-1", "ends before it begins"),
        ("0 3 * * */0", "no step"),
        ("0 3 * * ²", "'²' is no day of the week"),
        ("61 3 * * *", "maximum value"),
        ("a 3 * * *", "Unrecognized expression"),
    ],
)
def test_what_is_no_cron_expression(expression, message):
    with pytest.raises(ValueError, match=message):
        cron.trigger(expression, UTC)


BERLIN = zoneinfo.ZoneInfo("Europe/Berlin")


@pytest.mark.parametrize(
    ("day", "found"),
    [
        ("2031-03-29", ["Sun 30", "Mon 31", "Tue 01"]),  # 02:30 is left out: it ticks at 03:30
        ("2031-10-25", ["Sun 26", "Sun 26", "Mon 27"]),  # 02:30 comes twice, and it ticks twice
    ],
)
def test_the_hours_that_a_clock_change_skips_and_repeats(day, found):
    start = datetime.datetime.fromisoformat(day).replace(hour=12, tzinfo=UTC)
    assert days(cron.trigger("30 2 * * *", BERLIN), 3, start) == found
