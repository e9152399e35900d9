"""Translates between Kubeflow Pipelines and TFX's executors.

Open-source Kubeflow Pipelines downloads a step's inputs before it and uploads its outputs after
it, from and to local folders, but passes their addresses in the object store to the step; it does
not pass the types of inputs; and it adds an output for its logs. TFX was written for another
backend: it writes to the addresses, needs every type, and does not know that output.

Everything here is JSON, as in the step's command line and in its output file.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from data.files import read_back

# The folders in which the launcher of Kubeflow Pipelines keeps downloads and uploads.
LOCAL_FOLDERS = {"gs://": "/gcs/", "s3://": "/s3/", "minio://": "/minio/"}
# Marks an absent model; see EarlierModel.
ABSENT = "absent"
_SYSTEM = "system."

Json = dict[str, Any]


def local_path(artifact: Mapping[str, Any]) -> str:
    """Returns the launcher's path of an artifact: as named, or by its address in the store."""
    if artifact.get("customPath"):
        return str(artifact["customPath"])
    uri = str(artifact.get("uri", ""))
    for scheme, folder in LOCAL_FOLDERS.items():
        if uri.startswith(scheme):
            return folder + uri.removeprefix(scheme)
    return uri


def prepare(executor_input: Json, inputs_spec: Json) -> Json:
    """Returns the input for TFX's executor.

    Args:
      executor_input: an ExecutorInput.
      inputs_spec: the ComponentInputsSpec of the step, which has the types of its inputs.
    """
    types = {
        name: row.get("artifactType") for name, row in inputs_spec.get("artifacts", {}).items()
    }
    inputs = executor_input.get("inputs", {})
    outputs = executor_input.get("outputs", {})
    found = {name: _present(row) for name, row in inputs.get("artifacts", {}).items()}
    return {
        "inputs": {
            **inputs,
            "artifacts": {
                name: {"artifacts": [_input(row, types.get(name)) for row in rows]}
                for name, rows in found.items()
            },
        },
        "outputs": {
            **outputs,
            "artifacts": {
                name: {"artifacts": [_here(row) for row in rows.get("artifacts", [])]}
                for name, rows in outputs.get("artifacts", {}).items()
                if not any(_title(row).startswith(_SYSTEM) for row in rows.get("artifacts", []))
            },
        },
    }


def driven(prepared: Json, driver_output: Json) -> Json:
    """Returns the input for TFX's executor after its driver, which sets the outputs' properties.

    TFX reads the driver's parameters itself; the backend must pass on the outputs' properties.

    Args:
      prepared: the result of ``prepare``.
      driver_output: the ExecutorOutput of TFX's driver.
    """
    outputs = prepared["outputs"]
    artifacts = dict(outputs["artifacts"])
    for name, rows in driver_output.get("artifacts", {}).items():
        pairs = zip(artifacts[name]["artifacts"], rows["artifacts"], strict=True)
        artifacts[name] = {"artifacts": [_with_properties(row, known) for row, known in pairs]}
    return {**prepared, "outputs": {**outputs, "artifacts": artifacts}}


def finish(executor_output: Json, executor_input: Json) -> Json:
    """Returns the output for Kubeflow: addresses in the store, no property without a value.

    Args:
      executor_output: the ExecutorOutput of TFX's executor.
      executor_input: the input that Kubeflow passed.
    """
    outputs = executor_input.get("outputs", {}).get("artifacts", {})
    uris = {local_path(row): row["uri"] for row in _artifacts(outputs)}
    artifacts = {
        name: {"artifacts": [_there(row, uris) for row in rows.get("artifacts", [])]}
        for name, rows in executor_output.get("artifacts", {}).items()
    }
    return {**executor_output, "artifacts": artifacts}


def needs_driver(executor_input: Json) -> bool:
    """Returns whether the step reads external files: TFX then needs its driver to run first.

    The spec requests that before the cache is checked, which open-source Kubeflow Pipelines
    ignores.
    """
    parameters = executor_input.get("inputs", {}).get("parameterValues", {})
    return {"input_base", "input_config"} <= parameters.keys()


def _present(rows: Mapping[str, Any]) -> list[Json]:
    return [row for row in rows.get("artifacts", []) if not row.get("metadata", {}).get(ABSENT)]


def _input(artifact: Json, artifact_type: Json | None) -> Json:
    """Returns an input with its type, which Kubeflow leaves empty or replaces."""
    title = _title(artifact)
    if artifact_type and (not title or title.startswith(_SYSTEM)):
        artifact = {**artifact, "type": artifact_type}
    return _here(artifact)


def _title(artifact: Mapping[str, Any]) -> str:
    """Returns the name of an artifact's type; empty if it is missing."""
    artifact_type = artifact.get("type") or {}
    if artifact_type.get("schemaTitle"):
        return str(artifact_type["schemaTitle"])
    given = artifact_type.get("instanceSchema") or ""
    return read_back.from_yaml(
        given,
        "type of an artifact",
        lambda schema: str(schema.get("title", "")) if isinstance(schema, dict) else "",
    )


def _with_properties(artifact: Json, other: Json) -> Json:
    return {**artifact, "metadata": {**artifact.get("metadata", {}), **other.get("metadata", {})}}


def _here(artifact: Json) -> Json:
    here = {**artifact, "uri": local_path(artifact)}
    here.pop("customPath", None)
    return here


def _there(artifact: Json, uris: Mapping[str, str]) -> Json:
    metadata = artifact.get("metadata", {})
    return {
        **artifact,
        "uri": uris.get(artifact.get("uri", ""), artifact.get("uri", "")),
        "metadata": {name: value for name, value in metadata.items() if value is not None},
    }


def _artifacts(rows: Mapping[str, Any]) -> Iterator[Json]:
    for row in rows.values():
        yield from row.get("artifacts", [])
