"""A TFX pipeline of three steps that take no time, for what wraps the real one.

Make → Double → Add, and Add also takes what Make made. What a test wants a step to do meanwhile
is in ``behaviour``.
"""

from collections.abc import Callable
from pathlib import Path

from tfx.dsl.component.experimental.annotations import InputArtifact, OutputArtifact, Parameter
from tfx.dsl.component.experimental.decorators import component
from tfx.orchestration.pipeline import Pipeline
from tfx.types import artifact

from data import errors
from pipeline import output_folder
from pipeline.history import database
from pipeline.run import runner
from pipeline.settings import run_config, step_selection

behaviour: dict[str, Callable[[], None]] = {}


class Number(artifact.Artifact):
    TYPE_NAME = "Number"


def _write(where: artifact.Artifact, value: int) -> None:
    Path(where.uri, "number").write_text(str(value))


def read(uri: str) -> int:
    return int(Path(uri, "number").read_text())


@component
def Make(value: Parameter[int], number: OutputArtifact[Number]):
    _write(number, value)
    behaviour.get("Make", lambda: None)()


@component
def Double(made: InputArtifact[Number], number: OutputArtifact[Number]):
    _write(number, 2 * read(made.uri))
    behaviour.get("Double", lambda: None)()


@component
def Add(
    made: InputArtifact[Number],
    doubled: InputArtifact[Number],
    code: Parameter[str],
    number: OutputArtifact[Number],
):
    behaviour.get("Add", lambda: None)()
    _write(number, read(made.uri) + read(doubled.uri))


def build(output: Path, value: int = 1, code: str = "c1") -> Pipeline:
    make = Make(value=value)
    double = Double(made=make.outputs["number"])
    add = Add(made=make.outputs["number"], doubled=double.outputs["number"], code=code)
    return Pipeline(
        pipeline_name="tiny",
        pipeline_root=str(output / "artifacts" / "tiny"),
        metadata_connection_config=database.connection_config(
            output_folder.OutputFolder(output).metadata
        ),
        components=[make, double, add],
        enable_cache=True,
    )


class Listener:
    """Notes what it is told."""

    def __init__(self) -> None:
        self.notes: list[str] = []

    def started(self, name: str) -> None:
        self.notes.append(f"{name} starts")

    def ended(self, step: runner.Step) -> None:
        self.notes.append(f"{step.name} {'cached' if step.cached else 'ran'}")

    def failed(self, name: str, seconds: float) -> None:
        self.notes.append(f"{name} failed")

    def retrying(self, name: str, reason: str) -> None:
        self.notes.append(f"{name}: {reason}")


class Ran:
    """A run of the pipeline: what happened, and how it ended."""

    def __init__(
        self,
        output: Path,
        run_id: str,
        value: int = 1,
        code: str = "c1",
        asked: step_selection.Parts = step_selection.WHOLE,
        **settings: object,
    ) -> None:
        self.listener = Listener()
        self.steps: list[runner.Step] = []
        self.error: errors.PipelineError | None = None
        config = run_config.RunConfig(**{"retry_wait_s": 0, **settings})
        guard = runner.Guard(config, output, lambda error: None)
        pipeline = build(output, value, code)
        self.killed = runner.recover(pipeline)
        try:
            runner.run(pipeline, run_id, self.steps, self.listener, guard, asked)
        except errors.PipelineError as error:
            self.error = error

    @property
    def executed(self) -> list[str]:
        return [step.name for step in self.steps if not step.cached]

    @property
    def sum(self) -> int:
        return read(self.steps[-1].uri("number"))
