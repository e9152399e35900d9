"""The settings of the lock, retries and timeouts of a run. No step's cache depends on them."""

import difflib

from pydantic import BaseModel, ConfigDict, Field, field_validator

# In the order in which they run; InfraValidator and Tuner run only if the settings enable them.
STEPS = (
    "ImageFolderExampleGen",
    "StatisticsGen",
    "ImportSchemaGen",
    "ExampleValidator",
    "ImageValidator",
    "Preprocess",
    "Tuner",
    "Trainer",
    "Predict",
    "Evaluator",
    "ReleaseGate",
    "InfraValidator",
    "Pusher",
    "Report",
)
MAX_RETRY_WAIT_S = 300.0


class RunConfig(BaseModel):
    """The handling of external failures."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    wait_for_lock_s: float = Field(
        0.0, ge=0, description="seconds to wait for another run on the output folder; 0: none"
    )
    retries: int = Field(
        2, ge=0, le=20, description="number of retries of a step after a transient error"
    )
    retry_wait_s: float = Field(
        5.0, ge=0, description="seconds before the first retry; doubled for each further one"
    )
    timeout_s: float = Field(0.0, ge=0, description="time limit of a step, in seconds; 0: no limit")
    timeouts_s: dict[str, float] = Field(
        default_factory=dict, description="time limits of single steps, such as Trainer=3600"
    )
    timeout_grace_s: float = Field(
        30.0, gt=0, description="seconds for a step to end after its timeout, before it is killed"
    )

    @field_validator("timeouts_s")
    @classmethod
    def _are_of_steps(cls, value: dict[str, float]) -> dict[str, float]:
        for name, limit_s in value.items():
            if name not in STEPS:
                raise ValueError(unknown_step(name))
            if limit_s < 0:
                raise ValueError(f"of {name}, 0 (any time) or more seconds are allowed")
        return value

    def timeout_of(self, step: str) -> float | None:
        """Returns the time limit of a step, in seconds; None if there is none."""
        return self.timeouts_s.get(step, self.timeout_s) or None

    def wait_before(self, retry: int) -> float:
        """Seconds before a retry; the first one is number 1."""
        return min(self.retry_wait_s * 2 ** (retry - 1), MAX_RETRY_WAIT_S)


def unknown_step(name: str) -> str:
    """Returns a message about an unknown step, with similar names; without a full stop."""
    lower = {step.lower(): step for step in STEPS}
    close = [key for key in lower if key == name.lower()]
    close = close or difflib.get_close_matches(name.lower(), lower, n=3)
    near = [lower[key] for key in close]
    hint = f"did you mean {' or '.join(near)}" if near else f"the steps are {', '.join(STEPS)}"
    return f"there is no step {name}; {hint}"
