import datetime
import os
import signal
import subprocess
import sys
import threading
import time
import types
import zoneinfo

import pytest

from pipeline.scheduled import by_clock, config, cron
from tests import whole_runs

UTC = datetime.timezone.utc
DAILY = cron.trigger("0 3 * * *", UTC)


def at(day: int, hour: int) -> datetime.datetime:
    return datetime.datetime(2031, 5, day, hour, tzinfo=UTC)


@pytest.mark.parametrize(
    ("last", "now", "late_s", "found"),
    [
        (None, at(4, 9), None, None),
        (at(4, 3), at(4, 9), None, None),
        (at(1, 3), at(4, 9), None, at(4, 3)),  # three were missed: one is made up for
        (at(1, 3), at(4, 9), 6 * 3600 + 1, at(4, 3)),
        (at(1, 3), at(4, 9), 6 * 3600 - 1, None),
    ],
)
def test_ticks_missed_while_no_scheduler_ran(last, now, late_s, found):
    assert by_clock.missed(DAILY, last, now, late_s) == found


def test_a_tick_missed_in_the_hour_that_comes_twice():
    berlin = zoneinfo.ZoneInfo("Europe/Berlin")
    due = cron.trigger("30 2 * * *", berlin)
    last = datetime.datetime(2031, 10, 24, 2, 30, tzinfo=berlin)
    now = datetime.datetime(2031, 10, 26, 9, tzinfo=berlin)
    found = by_clock.missed(due, last, now, None)
    assert found.astimezone(UTC) == datetime.datetime(2031, 10, 26, 1, 30, tzinfo=UTC)


def test_an_interval_goes_on_from_the_last_tick():
    command = config.parse(["--data-dir", "x", "--schedule.interval-s", "21600"])
    due = by_clock.trigger(command, at(1, 3))
    assert due.get_next_fire_time(None, at(1, 4)) == at(1, 9)
    assert by_clock.missed(due, at(1, 3), at(1, 8), None) is None
    assert by_clock.missed(due, at(1, 3), at(1, 22), None) == at(1, 21)


def test_a_year_of_missed_minutes_is_one_tick():
    due = cron.trigger("* * * * *", UTC)
    found = by_clock.missed(due, at(1, 3).replace(year=2030), at(1, 3), None)
    assert found == at(1, 3)


@pytest.fixture
def _handlers():
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.usefixtures("_handlers")
def test_ticks_never_overlap_and_one_that_breaks_ends_nothing():
    inside, most, count = threading.Semaphore(0), [0], [0]
    running = [0]

    def tick() -> None:
        count[0] += 1
        running[0] += 1
        most[0] = max(most[0], running[0])
        time.sleep(0.25)  # more than two polls
        running[0] -= 1
        inside.release()
        if count[0] == 1:
            raise RuntimeError("a fault")
        if count[0] == 3:
            os.kill(os.getpid(), signal.SIGTERM)

    lines: list[str] = []
    command = config.parse(["--data-dir", "x", "--watch", "--schedule.poll-s", "0.1"])
    by_clock.Loop(command, by_clock.trigger(command), tick, lines.append).run(at_once=True)
    assert (most[0], count[0]) == (1, 3)
    assert lines == [
        "A tick failed: RuntimeError: a fault. The next one tries again.",
        "Stopping (SIGTERM).",
    ]


@pytest.mark.usefixtures("_handlers")
def test_on_a_schedule_a_tick_that_is_left_out_is_said():
    lines: list[str] = []
    command = config.parse(["--data-dir", "x", "--schedule.interval-s", "1"])

    def tick() -> None:
        while not lines:
            time.sleep(0.02)
        os.kill(os.getpid(), signal.SIGTERM)

    by_clock.Loop(command, by_clock.trigger(command), tick, lines.append).run(at_once=True)
    assert lines[0] == "A tick is skipped: the last one is still running."


@pytest.mark.usefixtures("_handlers")
def test_a_clock_that_is_set_back_does_not_stop_the_ticks(monkeypatch):
    """The clock was ten years ahead when the next tick was counted."""
    ahead_s = 10 * 365 * 86400
    wall = [time.time() + ahead_s]
    monkeypatch.setattr(
        by_clock, "time", types.SimpleNamespace(time=lambda: wall[0], monotonic=time.monotonic)
    )
    monkeypatch.setattr(by_clock, "CLOCK_CHECK_S", 0.05)
    command = config.parse(["--data-dir", "x", "--schedule.interval-s", "1"])
    due = by_clock.trigger(
        command, datetime.datetime.now(UTC) + datetime.timedelta(seconds=ahead_s)
    )
    lines: list[str] = []
    made = by_clock.Loop(command, due, lambda: made.stop(), lines.append)
    threading.Timer(0.2, lambda: wall.__setitem__(0, time.time())).start()
    start = time.monotonic()
    made.run(at_once=False)
    assert time.monotonic() - start < 10
    assert lines == ["The clock was set back by 87,600.0 hours; the interval starts again."]


def script(*arguments: object) -> list[str]:
    path = whole_runs.ROOT / "pipeline" / "run_scheduled.py"
    return [sys.executable, str(path), *map(str, arguments)]


def test_the_command_line_starts_without_tensorflow_and_ends_by_a_signal(tmp_path):
    (tmp_path / "photos").mkdir()
    flags = ["--data-dir", tmp_path / "photos", "--output-dir", tmp_path / "out", "--watch"]
    process = subprocess.Popen(script(*flags), stdout=subprocess.PIPE, text=True)
    lines = [process.stdout.readline()[21:].strip() for _ in range(2)]
    assert lines == [f"Watching {tmp_path / 'photos'}, every 60 s.", "There is no image yet."]
    process.send_signal(signal.SIGTERM)
    rest = process.communicate(timeout=30)[0]
    assert process.returncode == 0
    assert rest.endswith("Stopping (SIGTERM).\n")
    code = "import sys, pipeline.run_scheduled; print([m for m in ('tensorflow', 'tfx', 'scipy') if m in sys.modules])"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=whole_runs.ROOT
    )
    assert loaded.stdout.strip() == "[]", loaded.stderr


def test_once_without_a_folder_or_with_a_wrong_setting(tmp_path):
    flags = ["--data-dir", tmp_path / "none", "--output-dir", tmp_path / "out", "--once"]
    done = subprocess.run(script(*flags), capture_output=True, text=True)
    assert done.returncode == 2
    assert "does not exist" in done.stdout
    done = subprocess.run(script(*flags, "--triger.new-images", 3), capture_output=True, text=True)
    assert done.returncode == 2
    assert "Error: Unknown flag --triger.new-images. Did you mean" in done.stderr
