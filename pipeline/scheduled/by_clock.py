"""Runs ticks by the clock: APScheduler, missed and overlapping ticks, signals."""

import datetime
import logging
import signal
import threading
import time
import zoneinfo
from collections.abc import Callable
from types import FrameType

from apscheduler import events
from apscheduler.executors import pool
from apscheduler.schedulers import blocking
from apscheduler.triggers import base
from apscheduler.triggers import interval as interval_trigger

from data import errors
from pipeline.scheduled import config as retrain_config
from pipeline.scheduled import cron
from pipeline.scheduled import state as schedule_state

JOB = "retraining"
CLOCK_CHECK_S = 30.0
UTC = datetime.timezone.utc


def timezone(config: retrain_config.ScheduleConfig) -> datetime.tzinfo | None:
    """Returns the time zone of the settings; None for the system's."""
    return zoneinfo.ZoneInfo(config.timezone) if config.timezone else None


def trigger(
    command: retrain_config.Command, last_tick: datetime.datetime | None = None
) -> base.BaseTrigger:
    """Returns the trigger of the ticks.

    Args:
      command: the settings.
      last_tick: the time of the last check; an interval continues from there.
    """
    schedule = command.config.schedule
    if command.mode == "--watch":
        return interval_trigger.IntervalTrigger(seconds=schedule.poll_s)
    if schedule.interval_s is not None:
        seconds = schedule.interval_s
        start = last_tick and last_tick.astimezone(UTC) + datetime.timedelta(seconds=seconds)
        return interval_trigger.IntervalTrigger(seconds=seconds, start_date=start, timezone=UTC)
    return cron.trigger(schedule.cron or "", timezone(schedule))


def missed(
    due: base.BaseTrigger,
    last_tick: datetime.datetime | None,
    now: datetime.datetime,
    late_s: float | None,
) -> datetime.datetime | None:
    """Returns the last tick that was missed while no scheduler ran; None if none, or too late.

    Args:
      due: the trigger.
      last_tick: the time of the last check; None if there was none.
      now: the time, with time zone.
      late_s: the most seconds by which a tick is made up for; None: no limit.
    """
    if last_tick is None:
        return None
    # In UTC: at the end of daylight saving time, local times go back.
    now, last_tick = now.astimezone(UTC), last_tick.astimezone(UTC)
    found = due_at = None
    for days in (1, 32, 1500):  # for a schedule by the minute, do not list a year of minutes
        start = max(last_tick + datetime.timedelta(seconds=1), now - datetime.timedelta(days))
        due_at = due.get_next_fire_time(None, start)
        if due_at is not None and due_at.astimezone(UTC) <= now:
            break
    while due_at is not None and due_at.astimezone(UTC) <= now:
        found, due_at = due_at, due.get_next_fire_time(due_at, now)
    if found is None or (late_s is not None and (now - found).total_seconds() > late_s):
        return None
    return found


class Loop:
    """Calls a function at every tick until it is stopped.

    Any number of missed ticks (the machine slept, a run took long) are made up for by one; a tick
    that is due while another one is running is skipped.

    Args:
      command: the settings.
      due: the trigger.
      tick: the function to call.
      say: receives lines for people.
      stop: stops the work under way.
    """

    def __init__(
        self,
        command: retrain_config.Command,
        due: base.BaseTrigger,
        tick: Callable[[], object],
        say: Callable[[str], None],
        stop: Callable[[], None] = lambda: None,
    ) -> None:
        self._tick, self._say, self._stop = tick, say, stop
        self._stopping = threading.Event()
        schedule = command.config.schedule
        self._scheduler = blocking.BlockingScheduler(
            executors={"default": pool.ThreadPoolExecutor(1)},
            job_defaults={
                "coalesce": True,
                "max_instances": 1,
                "misfire_grace_time": int(schedule.late_s) if schedule.late_s else None,
            },
            timezone=timezone(schedule),
        )
        self._command = command
        self._trigger, self._is_watching = due, command.mode == "--watch"
        self._scheduler.add_listener(self._skipped, events.EVENT_JOB_MAX_INSTANCES)
        self._scheduler.add_listener(self._late, events.EVENT_JOB_MISSED)
        # Its own messages on skipped ticks; the listeners print ours.
        logging.getLogger("apscheduler").setLevel(logging.ERROR)

    def run(self, at_once: bool) -> None:
        """Runs until a signal or :meth:`stop`.

        Args:
          at_once: whether to begin with a tick before the first one is due.
        """
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._signalled)
        first = {"next_run_time": datetime.datetime.now(UTC)} if at_once else {}
        self._scheduler.add_job(self._safely, self._trigger, id=JOB, name=JOB, **first)
        threading.Thread(target=self._watch_clock, daemon=True).start()
        self._scheduler.start()

    def stop(self) -> None:
        """Ends the loop; a run under way is asked to end first, and continues the next time."""
        if self._stopping.is_set():
            return
        self._stopping.set()
        self._stop()
        # Not in the signal handler: the scheduler would wait for the tick that it interrupts.
        threading.Thread(target=self._scheduler.shutdown, daemon=True).start()

    def _signalled(self, number: int, _frame: FrameType | None) -> None:
        self._say(f"Stopping ({signal.Signals(number).name}).")
        self.stop()

    def _safely(self) -> None:
        """Runs one tick; no error in it ends the schedule."""
        try:
            self._tick()
        except errors.PipelineError as error:
            self._say(f"Error: {' '.join(str(error).split())}")
        except Exception as error:
            logging.exception("A tick failed.")
            self._say(f"A tick failed: {type(error).__name__}: {error}. The next one tries again.")

    def _watch_clock(self) -> None:
        """Restarts the interval if the clock was set back: the next tick would wait too long."""
        while True:
            wall, steady = time.time(), time.monotonic()
            if self._stopping.wait(CLOCK_CHECK_S):
                return
            back_s = (time.monotonic() - steady) - (time.time() - wall)
            if back_s > schedule_state.MAX_SKEW.total_seconds():
                hours = back_s / 3600
                self._say(
                    f"The clock was set back by {hours:,.1f} hours; the interval starts again."
                )
                self._scheduler.reschedule_job(JOB, trigger=trigger(self._command))

    def _skipped(self, _event: events.JobEvent) -> None:
        # With --watch, ticks come all the time: a tick skipped during a run is not worth a line.
        if not (self._stopping.is_set() or self._is_watching):
            self._say("A tick is skipped: the last one is still running.")

    def _late(self, event: events.JobExecutionEvent) -> None:
        self._say(f"The tick of {event.scheduled_run_time:%Y-%m-%d %H:%M} was missed by too much.")
