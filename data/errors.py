"""The errors that a person can act on.

    PipelineError            a run cannot go on; exit code 1
    └── UserError            the user can mend it; exit code 2
        ├── ConfigError      a setting is unknown, malformed or out of range
        └── DataError        the images cannot make a model as they are

Each carries all problems found, not only the first: what is wrong, the value, where, and what
is allowed. Bad *images* are no errors: they go to the quarantine list.
"""


class PipelineError(Exception):
    """A run cannot go on.

    Args:
      *problems: one sentence each.
      report: the path of a page that shows the details, where there is one.
    """

    exit_code = 1

    def __init__(self, *problems: str, report: str | None = None) -> None:
        super().__init__(*problems)
        self.problems = problems
        self.report = report

    def __str__(self) -> str:
        if len(self.problems) == 1:
            return self.problems[0]
        return "\n".join(f"- {problem}" for problem in self.problems)


class UserError(PipelineError):
    """Something the user gave cannot be used."""

    exit_code = 2


class ConfigError(UserError):
    """A setting is unknown, malformed or out of range."""


class DataError(UserError):
    """The images cannot make a model as they are."""
