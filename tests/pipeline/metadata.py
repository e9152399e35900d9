"""Writes a store of ML Metadata as TFX does, without running a pipeline."""

import json
from collections.abc import Sequence
from pathlib import Path

from ml_metadata import metadata_store
from ml_metadata.proto import metadata_store_pb2 as pb

from pipeline import output_folder

MODEL = "pets"


class Recorder:
    """Notes runs of a small pipeline in ``output/metadata.sqlite``; makes the artifacts' folders."""

    def __init__(self, output: Path) -> None:
        self.output = output
        config = pb.ConnectionConfig()
        config.sqlite.filename_uri = str(output_folder.OutputFolder(output).metadata)
        config.sqlite.connection_mode = pb.SqliteMetadataSourceConfig.READWRITE_OPENCREATE
        self.store = metadata_store.MetadataStore(config)

    def artifact(self, kind: str, **properties: str | int) -> int:
        type_id = self.store.put_artifact_type(pb.ArtifactType(name=kind))
        row = pb.Artifact(type_id=type_id, state=pb.Artifact.LIVE)
        for name, value in properties.items():
            _set(row.custom_properties[name], value)
        [number] = self.store.put_artifacts([row])
        row.id, row.uri = number, str(self.output / "artifacts" / MODEL / f"{kind}-{number}")
        self.store.put_artifacts([row])
        Path(row.uri).mkdir(parents=True)
        Path(row.uri, "content").write_bytes(b"x" * 1000)
        return number

    def step(
        self,
        run_id: str,
        name: str,
        inputs: Sequence[int] = (),
        outputs: Sequence[int] = (),
        state: int = pb.Execution.COMPLETE,
        **settings: object,
    ) -> None:
        type_id = self.store.put_execution_type(pb.ExecutionType(name=f"components.{name}"))
        row = pb.Execution(type_id=type_id, last_known_state=state)
        for key, value in settings.items():
            _set(row.custom_properties[key], json.dumps(value))
        known = {one.id: one for one in self.store.get_artifacts()}
        pairs = [
            (known[number], pb.Event(type=kind, path=pb.Event.Path(steps=[{"key": "any"}])))
            for kind, numbers in ((pb.Event.INPUT, inputs), (pb.Event.OUTPUT, outputs))
            for number in numbers
        ]
        contexts = [self._context("node", f"{MODEL}.{name}"), self._context("pipeline_run", run_id)]
        self.store.put_execution(row, pairs, contexts, reuse_context_if_already_exist=True)

    def _context(self, kind: str, name: str) -> pb.Context:
        type_id = self.store.put_context_type(pb.ContextType(name=kind))
        return pb.Context(type_id=type_id, name=name)


def _set(value: pb.Value, given: str | int) -> None:
    if isinstance(given, int):
        value.int_value = given
    else:
        value.string_value = given
