"""Steps in a real pipeline of TFX, on artifacts that are made for the test."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tfx.dsl.components.common import importer
from tfx.orchestration import metadata, pipeline
from tfx.orchestration.local import local_dag_runner
from tfx.types import standard_artifacts


def given(name: str, folder: Path, kind: type, **properties: Any) -> importer.Importer:
    """An artifact of a folder; its channel is ``outputs["result"]``."""
    return importer.Importer(
        source_uri=str(folder), artifact_type=kind, custom_properties=properties
    ).with_id(name)


def given_examples(name: str, folder: Path) -> importer.Importer:
    """Examples with a test split."""
    return importer.Importer(
        source_uri=str(folder),
        artifact_type=standard_artifacts.Examples,
        properties={"split_names": '["test"]'},
    ).with_id(name)


def run(root: Path, name: str, components: Sequence[Any], *flags: str) -> metadata.Metadata:
    """Runs the components; outputs and ML Metadata lie in the root."""
    connection = metadata.sqlite_metadata_connection_config(str(root / "metadata.sqlite"))
    local_dag_runner.LocalDagRunner().run(
        pipeline.Pipeline(
            pipeline_name=name,
            pipeline_root=str(root / "artifacts"),
            metadata_connection_config=connection,
            components=list(components),
            beam_pipeline_args=list(flags),
        )
    )
    return metadata.Metadata(connection)


def last(handler: metadata.Metadata, kind: str) -> dict[str, str | int]:
    """The own properties of the last artifact of a type, and its uri."""
    with handler:
        found = max(handler.store.get_artifacts_by_type(kind), key=lambda one: one.id)
    values = found.custom_properties.items()
    own = {key: value.string_value or value.int_value for key, value in values}
    return {**own, "uri": found.uri}
