"""Names of the phases of training, for programs and for people."""

from typing import Literal

PhaseName = Literal["head", "fine_tune", "scratch"]

# In tables and reports.
TITLES: dict[str, str] = {"head": "head", "fine_tune": "top blocks", "scratch": "from scratch"}
# While they run.
TASKS: dict[PhaseName, str] = {
    "head": "training the head",
    "fine_tune": "fine-tuning the top blocks",
    "scratch": "training from scratch",
}
