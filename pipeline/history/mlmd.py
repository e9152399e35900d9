"""Reads the runs of an output directory from ML Metadata: steps, artifacts, their origins.

Reads the store by its own library, without TFX. A store is small compared with the data: a run
adds a dozen rows to each of its tables, so all of it is read at once.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from ml_metadata import errors as store_errors
from ml_metadata import metadata_store
from ml_metadata.proto import metadata_store_pb2

from data import errors
from data.files import read_back
from pipeline import output_folder

# The last also if the run was killed.
State = Literal["ran", "cached", "failed", "running"]
_STATES: dict[int, State] = {
    metadata_store_pb2.Execution.NEW: "running",
    metadata_store_pb2.Execution.RUNNING: "running",
    metadata_store_pb2.Execution.COMPLETE: "ran",
    metadata_store_pb2.Execution.CACHED: "cached",
    metadata_store_pb2.Execution.FAILED: "failed",
    metadata_store_pb2.Execution.CANCELED: "failed",
}
_OUTPUTS = (metadata_store_pb2.Event.OUTPUT, metadata_store_pb2.Event.INTERNAL_OUTPUT)
_INPUTS = (metadata_store_pb2.Event.INPUT, metadata_store_pb2.Event.INTERNAL_INPUT)
_RESOLVER = "tfx.dsl.components.common.resolver.Resolver"


@dataclass(frozen=True)
class Artifact:
    """An output of a step.

    Attributes:
      number: its id in the store.
      type_name: such as Model.
      uri: its folder.
      live: whether it is recorded as still existing.
      properties: the properties that its step recorded, by name.
    """

    number: int
    type_name: str
    uri: str
    live: bool
    properties: dict[str, str | int | float]


@dataclass(frozen=True)
class Step:
    """One step of one run.

    Attributes:
      number: the id of the execution.
      name: the step's id in the pipeline.
      run_id: the id of the run.
      state: how it ended.
      resolver: whether it only looks up artifacts.
      seconds: wall time.
      settings: its settings, with nested JSON parsed.
      inputs: the ids of the artifacts that it read.
      outputs: the ids of the artifacts that it made, or took from the cache.
    """

    number: int
    name: str
    run_id: str
    state: State
    resolver: bool
    seconds: float
    settings: dict[str, Any]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]

    def setting(self, key: str) -> str:
        """Returns the first setting of a name, at any depth; empty if there is none."""
        return next((str(value) for value in _found(self.settings, key)), "")


@dataclass(frozen=True)
class Past:
    """All runs.

    Attributes:
      steps: of every run, in the order in which they began.
      artifacts: by number.
    """

    steps: list[Step]
    artifacts: dict[int, Artifact]

    def runs(self) -> dict[str, list[Step]]:
        """Returns run id → its steps; the oldest first."""
        found: dict[str, list[Step]] = {}
        for step in self.steps:
            found.setdefault(step.run_id, []).append(step)
        return dict(sorted(found.items()))

    def maker(self, artifact: int) -> Step | None:
        """Returns the step that made an artifact, in the run in which it was not cached."""
        makers = [step for step in self.steps if artifact in step.outputs]
        own = [step for step in makers if step.state != "cached" and not step.resolver]
        return next(iter(own), None)

    def behind(self, run_id: str) -> list[Step]:
        """Returns the steps of a run in order; for cached steps, those of the earlier runs."""
        return self.ancestry(
            number for step in self.runs().get(run_id, []) for number in step.outputs
        )

    def ancestry(self, artifacts: Iterable[int]) -> list[Step]:
        """Returns the steps that made some artifacts and all their inputs, in order."""
        waiting, seen, steps = list(artifacts), set[int](), dict[int, Step]()
        while waiting:
            artifact = waiting.pop()
            if artifact in seen:
                continue
            seen.add(artifact)
            maker = self.maker(artifact)
            if maker is not None:
                steps[maker.number] = maker
                waiting += maker.inputs
                waiting += maker.outputs
        return [steps[number] for number in sorted(steps)]


def read(output: Path) -> Past:
    """Reads the store of an output directory.

    Raises:
      errors.UserError: there is no store.
    """
    store = connect(output)
    names = _contexts(store, "node", lambda name: name.partition(".")[2])
    runs = _contexts(store, "pipeline_run", str)
    executions = [one for one in store.get_executions() if one.id in runs and one.id in names]
    events = store.get_events_by_execution_ids([one.id for one in executions]) if executions else []
    read_by, made_by = _numbers(events, _INPUTS), _numbers(events, _OUTPUTS)
    steps = [
        Step(
            one.id,
            names[one.id],
            runs[one.id],
            _STATES.get(one.last_known_state, "failed"),
            one.type == _RESOLVER,
            (one.last_update_time_since_epoch - one.create_time_since_epoch) / 1000,
            {key: _plain(_value(value)) for key, value in one.custom_properties.items()},
            read_by.get(one.id, ()),
            made_by.get(one.id, ()),
        )
        for one in sorted(executions, key=lambda one: one.id)
    ]
    return Past(steps, {one.id: _artifact(one) for one in store.get_artifacts()})


def connect(output: Path, writing: bool = False) -> metadata_store.MetadataStore:
    """Opens the store.

    Raises:
      errors.UserError: there is no store, or it cannot be read.
    """
    path = output_folder.OutputFolder(output).metadata
    if not path.is_file():
        raise errors.UserError(
            f"There is no {path}; --output-dir is the output folder of earlier runs."
        )
    config = metadata_store_pb2.ConnectionConfig()
    config.sqlite.filename_uri = str(path)
    modes = metadata_store_pb2.SqliteMetadataSourceConfig
    config.sqlite.connection_mode = modes.READWRITE if writing else modes.READONLY
    try:
        return metadata_store.MetadataStore(config)
    except (store_errors.StatusError, RuntimeError) as error:
        raise errors.UserError(f"{path} is not a store of ML Metadata.") from error


def _contexts(store: metadata_store.MetadataStore, type_name: str, naming: Any) -> dict[int, str]:
    """Returns execution → the name of its context of a type."""
    return {
        execution.id: naming(context.name)
        for context in store.get_contexts_by_type(type_name)
        for execution in store.get_executions_by_context(context.id)
    }


def _numbers(events: Iterable[Any], kinds: tuple[int, ...]) -> dict[int, tuple[int, ...]]:
    found: dict[int, list[int]] = {}
    for event in events:
        if event.type in kinds:
            found.setdefault(event.execution_id, []).append(event.artifact_id)
    return {execution: tuple(sorted(numbers)) for execution, numbers in found.items()}


def _artifact(row: Any) -> Artifact:
    properties = {key: _value(value) for key, value in row.custom_properties.items()}
    live = row.state not in (
        metadata_store_pb2.Artifact.DELETED,
        metadata_store_pb2.Artifact.MARKED_FOR_DELETION,
    )
    return Artifact(row.id, row.type, row.uri, live, properties)


def _value(value: Any) -> str | int | float:
    kind = value.WhichOneof("value")
    return getattr(value, kind) if kind in ("string_value", "int_value", "double_value") else ""


def _plain(value: Any) -> Any:
    """Parses JSON strings, however often they are nested."""
    if isinstance(value, str) and value[:1] in ("{", "["):
        try:
            return read_back.from_json(value, "property in ML Metadata", _plain)
        except read_back.ReadError:  # a string that only begins like JSON
            return value
    if isinstance(value, dict):
        return {key: _plain(one) for key, one in value.items()}
    return [_plain(one) for one in value] if isinstance(value, list) else value


def _found(value: Any, key: str) -> Iterator[Any]:
    if isinstance(value, dict):
        if key in value:
            yield value[key]
        for one in value.values():
            yield from _found(one, key)
    elif isinstance(value, list):
        for one in value:
            yield from _found(one, key)
