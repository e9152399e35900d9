"""Runs a compiled pipeline step by step as Kubeflow Pipelines would, without a cluster.

What its driver and launcher do is done here as open-source Kubeflow Pipelines does it: every step
gets a real ExecutorInput with addresses in an object store (a folder here), its inputs are copied
from the store into local folders that are its own, inputs come without their types, and what it
leaves is copied back. Commands are those of the package, in processes of their own.
"""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from google.protobuf import json_format
from kfp.pipeline_spec import pipeline_spec_pb2

BUCKET = "minio://bucket"
PLACEHOLDER = "{{$}}"


@dataclass
class LocalExecutor:
    """A run.

    Attributes:
      spec: a PipelineSpec as a dict.
      root: a folder of the run's own.
      project: where the project is.
      heeds_driver: whether the backend runs a step's driver by itself, as Vertex AI does.
      ran: the commands that were run, as (task, module).
    """

    spec: dict[str, Any]
    root: Path
    project: Path
    heeds_driver: bool = True
    ran: list[tuple[str, str]] = field(default_factory=list)
    _outputs: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)

    def order(self) -> list[str]:
        """The tasks, each after those it depends on."""
        tasks = self.spec["root"]["dag"]["tasks"]
        ordered: list[str] = []
        while len(ordered) < len(tasks):
            ready = [
                name
                for name, task in sorted(tasks.items())
                if name not in ordered and set(task.get("dependentTasks", [])) <= set(ordered)
            ]
            assert ready, "the tasks depend on each other in a circle"
            ordered += ready
        return ordered

    def run(self, task_name: str) -> dict[str, Any]:
        """Runs a task; gives its outputs: key → uri, metadata, and ``folder`` in the store."""
        task = self.spec["root"]["dag"]["tasks"][task_name]
        component = self.spec["components"][task["componentRef"]["name"]]
        container = self.spec["deploymentSpec"]["executors"][component["executorLabel"]][
            "container"
        ]
        local = self.root / "pods" / f"{task_name}-{len(self.ran)}"
        request = self._executor_input(task_name, task, component, local)
        self._download(request)
        hook = container.get("lifecycle", {}).get("preCacheCheck")
        if hook and self.heeds_driver:
            self._call(task_name, [*hook["command"], *hook["args"]], request)
        self._call(task_name, [*container["command"], *container["args"]], request)
        self._upload(task_name, request)
        shutil.rmtree(local)
        return {key: row for (name, key), row in self._outputs.items() if name == task_name}

    def _executor_input(
        self, name: str, task: dict[str, Any], component: dict[str, Any], local: Path
    ) -> dict[str, Any]:
        inputs = {}
        for key, row in task.get("inputs", {}).get("artifacts", {}).items():
            source = row["taskOutputArtifact"]
            made = self._outputs[source["producerTask"], source["outputArtifactKey"]]
            # Kubeflow does not tell the types of inputs.
            artifact = {**made, "type": {"instanceSchema": ""}}
            inputs[key] = {"artifacts": [artifact]}
        outputs = {
            key: {
                "artifacts": [
                    {
                        "name": key,
                        "uri": f"{BUCKET}/{name}/{len(self.ran)}/{key}",
                        "type": row["artifactType"],
                    }
                ]
            }
            for key, row in component.get("outputDefinitions", {}).get("artifacts", {}).items()
        }
        parameters = {
            key: row["runtimeValue"]["constant"]
            for key, row in task.get("inputs", {}).get("parameters", {}).items()
        }
        message = json_format.ParseDict(
            {
                "inputs": {"artifacts": inputs, "parameterValues": parameters},
                "outputs": {
                    "artifacts": outputs,
                    "outputFile": str(local / "outputs" / "output_metadata.json"),
                },
            },
            pipeline_spec_pb2.ExecutorInput(),
        )
        request = json_format.MessageToDict(message)
        for side in ("inputs", "outputs"):
            for key, rows in request[side].get("artifacts", {}).items():
                rows["artifacts"][0]["customPath"] = str(local / side / key)
        return request

    def _stored(self, uri: str) -> Path:
        return self.root / "store" / uri.removeprefix(f"{BUCKET}/")

    def _download(self, request: dict[str, Any]) -> None:
        for rows in request["inputs"].get("artifacts", {}).values():
            artifact = rows["artifacts"][0]
            stored = self._stored(artifact["uri"])
            if stored.exists():  # nothing is no folder in an object store
                shutil.copytree(stored, artifact["customPath"])

    def _upload(self, task_name: str, request: dict[str, Any]) -> None:
        left = json.loads(Path(request["outputs"]["outputFile"]).read_text())
        for key, rows in request["outputs"].get("artifacts", {}).items():
            given, made = rows["artifacts"][0], left["artifacts"][key]["artifacts"][0]
            assert made["uri"] == given["uri"]
            local = Path(given["customPath"])
            if any(path.is_file() for path in local.rglob("*")):
                shutil.copytree(local, self._stored(given["uri"]))
            metadata = made.get("metadata", {})
            assert None not in metadata.values()
            self._outputs[task_name, key] = {
                "name": str(len(self._outputs)),
                "uri": given["uri"],
                "metadata": {**metadata, "display_name": key},
            }

    def folder(self, task_name: str, key: str) -> Path:
        """Where an output lies in the store."""
        return self._stored(self._outputs[task_name, key]["uri"])

    def metadata(self, task_name: str, key: str) -> dict[str, Any]:
        """The properties of an output."""
        return self._outputs[task_name, key]["metadata"]

    def _call(self, task_name: str, command: list[str], request: dict[str, Any]) -> None:
        assert command[0] == "python"
        filled = [argument.replace(PLACEHOLDER, json.dumps(request)) for argument in command[1:]]
        self.ran.append((task_name, command[2]))
        done = subprocess.run(
            [sys.executable, *filled],
            cwd=self.project,
            env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "2"},
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, f"{task_name}\n{done.stdout[-2000:]}\n{done.stderr[-6000:]}"
