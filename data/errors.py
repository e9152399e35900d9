"""The errors that are shown to a user.

    PipelineError            a run cannot continue; exit code 1
    └── UserError            the user can fix it; exit code 2
        ├── ConfigError      a setting is unknown, malformed or out of range
        └── DataError        no model can be trained on the images as they are

Each carries all problems found, not only the first: what is wrong, the value, where, and what
is allowed. A bad *image* is not an error: it goes to the quarantine list.
"""


class PipelineError(Exception):
    """A run cannot continue.

    Args:
      *problems: one sentence each.
      report: the path of a page with the details, if there is one.
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
    """An input of the user cannot be used."""

    exit_code = 2


class ConfigError(UserError):
    """A setting is unknown, malformed or out of range."""


class DataError(UserError):
    """No model can be trained on the images as they are."""
