"""Five fields into Kubeflow's six."""

import pytest

from pipeline.kubeflow import cron


@pytest.mark.parametrize(
    ("given", "six"),
    [
        ("0 3 * * mon", "0 0 3 * * mon"),
        ("*/15 0-6 1,15 jan-mar MON-FRI", "0 */15 0-6 1,15 jan-mar mon-fri"),
        ("0 0 * * 7", "0 0 0 * * 0"),
        ("0 0 * * 5-7", "0 0 0 * * 5,6,0"),
        ("0 0 * * 1-7/3", "0 0 0 * * 1,4,0"),
        (" 5  4 * * sun,7 ", "0 5 4 * * sun,0"),
    ],
)
def test_seconds_come_first_and_sunday_is_zero(given, six):
    assert cron.six_fields(given) == six


@pytest.mark.parametrize(
    ("given", "part"),
    [
        ("0 3 * *", "five fields"),
        ("0 0 3 * * mon", "five fields"),
        ("60 * * * *", "0 to 59"),
        ("* * 0 * *", "1 to 31"),
        ("* * * 13 *", "1 to 12"),
        ("* * * * funday", "is no day of the week"),
        ("5-1 * * * *", "from low to high"),
        ("*/0 * * * *", "a step is at least 1"),
        ("1;2 * * * *", "is no minute"),
        ("@daily", "five fields"),
    ],
)
def test_what_is_no_schedule_is_told(given, part):
    with pytest.raises(ValueError, match=part):
        cron.check(given)
