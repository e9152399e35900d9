"""Retrains when enough new images or another trigger require it.

    python pipeline/run_scheduled.py --data-dir photos --schedule.cron "0 3 * * mon-fri"
    python pipeline/run_scheduled.py --data-dir photos --watch
    python pipeline/run_scheduled.py --config retrain.yaml --once     for cron, systemd, Airflow
    python pipeline/run_scheduled.py --help                           every setting

Exit codes of --once: that of the run; 0 also if no run was needed.
"""

import datetime
import logging
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

# Run as a script, Python puts this folder first on its path; the project's root belongs there.
ROOT = str(Path(__file__).resolve().parent.parent)
sys.path[:] = [
    ROOT,
    *(entry for entry in sys.path if entry not in (ROOT, str(Path(__file__).parent))),
]

from data import errors  # noqa: E402
from pipeline import output_folder  # noqa: E402
from pipeline.run import logs, preflight, terminal  # noqa: E402
from pipeline.scheduled import by_clock, run_process, tick  # noqa: E402
from pipeline.scheduled import config as retrain_config  # noqa: E402


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the schedule; returns the exit code."""
    given = sys.argv[1:] if arguments is None else arguments
    return terminal.exit_code(lambda: _run(retrain_config.parse(given)))


def _run(command: retrain_config.Command) -> int:
    zone = by_clock.timezone(command.config.schedule)
    log = output_folder.OutputFolder(command.config.output_dir).schedule_log
    preflight.prepare_output(command.pipeline)
    log.parent.mkdir(exist_ok=True)
    logging.basicConfig(handlers=[logs.rotating(log)], level=logging.WARNING, format=logs.FORMAT)

    def clock() -> datetime.datetime:
        return datetime.datetime.now(zone).astimezone(zone)

    def say(line: str) -> None:
        print(f"{clock():%Y-%m-%d %H:%M:%S}  {line}", flush=True)

    runner = run_process.Runner()
    model = tick.Retraining(command, clock, say, runner.run)
    if command.mode == "--once":
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: runner.stop())
        return _once(model, log)
    schedule, state, now = command.config.schedule, model.state(), clock()
    trigger = by_clock.trigger(command, state.last_tick)
    at_once = command.mode == "--watch" or state.under_way is not None
    if command.mode == "--watch":
        say(f"Watching {command.config.data_dir}, every {schedule.poll_s:g} s.")
    else:
        due = trigger.get_next_fire_time(None, now)
        say(f"The next check of {command.config.data_dir} is at {due:%Y-%m-%d %H:%M}.")
        missed = by_clock.missed(trigger, state.last_tick, now, schedule.late_s)
        if missed:
            say(
                f"The check of {missed:%Y-%m-%d %H:%M} was missed while no scheduler ran; doing it now."
            )
            at_once = True
    by_clock.Loop(command, trigger, model.tick, say, runner.stop).run(at_once)
    return 0


def _once(model: tick.Retraining, log: Path) -> int:
    try:
        return model.tick()
    except errors.PipelineError:
        raise
    except Exception as error:
        logging.exception("The tick failed.")
        raise errors.PipelineError(
            f"{type(error).__name__}: {error}. This is a fault of the scheduler; the details are in"
            f" {log}."
        ) from error


if __name__ == "__main__":
    sys.exit(main())
