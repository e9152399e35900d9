"""The steps that a command selects. These are not settings: no later run inherits them."""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass

from data import errors
from pipeline.settings import run_config


@dataclass(frozen=True)
class Parts:
    """The selected steps.

    Attributes:
      first: the step to begin with; None: the beginning.
      last: the step to end with; None: the end.
      forced: steps to run even if an earlier run's output could be used.
      dry_run: whether to report only what would run.
    """

    first: str | None = None
    last: str | None = None
    forced: tuple[str, ...] = ()
    dry_run: bool = False

    @property
    def whole(self) -> bool:
        """Returns whether all steps are selected."""
        return self.first is None and self.last is None

    def begins_with(self, step: str) -> bool:
        """Returns whether a step that begins the pipeline is among those selected."""
        return self.first in (None, step)

    def check(self, steps: Sequence[str]) -> None:
        """Refuses steps that the configured pipeline does not have.

        Raises:
          errors.ConfigError: a step is not in it, or the last comes before the first.
        """
        asked = [step for step in (self.first, self.last, *self.forced) if step]
        absent = [
            f"{step} is not a step of this run as configured; its steps are {', '.join(steps)}."
            for step in dict.fromkeys(asked)
            if step not in steps
        ]
        if absent:
            raise errors.ConfigError(*absent)
        if self.first and self.last and steps.index(self.first) > steps.index(self.last):
            raise errors.ConfigError(
                f"--from {self.first} --to {self.last} leaves nothing to run: {self.last} comes"
                f" before {self.first}."
            )


WHOLE = Parts()


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Adds the flags to a parser."""
    group = parser.add_argument_group(
        "parts of a run", "Select the steps to run; not saved as settings."
    )
    group.add_argument(
        "--from",
        dest="first",
        metavar="STEP",
        help="begin with this step; earlier steps come from the last run that finished them",
    )
    group.add_argument("--to", dest="last", metavar="STEP", help="end here")
    group.add_argument(
        "--force",
        dest="forced",
        metavar="STEP",
        action="append",
        help="run this step even if it is cached",
    )
    group.add_argument(
        "--dry-run", action="store_true", help="print what would run, and why; write nothing"
    )


def split(arguments: Sequence[str]) -> tuple[Parts, list[str]]:
    """Takes the flags of this file out of a command line.

    Returns:
      The selection, and the rest of the command line.

    Raises:
      errors.ConfigError: a flag does not name a step.
    """
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False, exit_on_error=False)
    add_flags(parser)
    try:
        given, rest = parser.parse_known_args(
            ["--dry-run" if argument == "--dry_run" else argument for argument in arguments]
        )
    except argparse.ArgumentError as error:
        raise errors.ConfigError(f"{error.argument_name} needs the name of a step.") from error
    forced = tuple(dict.fromkeys(given.forced or ()))
    flags = [("--from", given.first), ("--to", given.last), *(("--force", step) for step in forced)]
    problems = [
        f"{flag} {step}: {run_config.unknown_step(step)}."
        for flag, step in flags
        if step is not None and step not in run_config.STEPS
    ]
    if problems:
        raise errors.ConfigError(*problems)
    return Parts(given.first, given.last, forced, given.dry_run), rest
