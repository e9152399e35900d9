"""The small data and quick backbone of the trainer's tests."""

from tests.components.trainer.conftest import make_job, record_files

__all__ = ["make_job", "record_files"]
