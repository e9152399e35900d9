"""TensorFlow Serving with docker compose: its files are valid, consistent and safe."""

import copy
import json
import re
from collections.abc import Callable
from typing import Any

import pytest
import yaml
from google.protobuf import descriptor_pb2, message_factory, text_format, wrappers_pb2
from packaging import version
from tensorflow_serving.config import model_server_config_pb2

from tests.serving import manifest_files

CONFIGS = manifest_files.COMPOSE / "tensorflow_serving"
FIELD = descriptor_pb2.FieldDescriptorProto
INT64, STRING = ".google.protobuf.Int64Value", ".google.protobuf.StringValue"

# The messages that the package tensorflow-serving-api leaves out, with all their fields.
# Source: tensorflow/serving, servables/tensorflow/session_bundle_config.proto and
# config/monitoring_config.proto.
MESSAGES: dict[str, list[tuple[str, int, Any]]] = {
    "BatchingParameters": [
        ("max_batch_size", 1, INT64),
        ("batch_timeout_micros", 2, INT64),
        ("max_enqueued_batches", 3, INT64),
        ("num_batch_threads", 4, INT64),
        ("thread_pool_name", 5, STRING),
        ("allowed_batch_sizes", 6, FIELD.TYPE_INT64),
        ("pad_variable_length_inputs", 7, FIELD.TYPE_BOOL),
    ],
    "PrometheusConfig": [("enable", 1, FIELD.TYPE_BOOL), ("path", 2, FIELD.TYPE_STRING)],
    "MonitoringConfig": [("prometheus_config", 1, ".tensorflow.serving.PrometheusConfig")],
}
# Source: tensorflow/serving, model_servers/main.cc.
FLAGS = {
    "port",
    "rest_api_port",
    "rest_api_timeout_in_ms",
    "model_config_file",
    "model_config_file_poll_wait_seconds",
    "enable_batching",
    "batching_parameters_file",
    "monitoring_config_file",
}


def message_types() -> dict[str, Any]:
    file = descriptor_pb2.FileDescriptorProto(
        name="manifests.proto",
        package="tensorflow.serving",
        syntax="proto3",
        dependency=["google/protobuf/wrappers.proto"],
    )
    for name, fields in MESSAGES.items():
        message = file.message_type.add(name=name)
        for field, number, kind in fields:
            label = FIELD.LABEL_REPEATED if field.endswith("sizes") else FIELD.LABEL_OPTIONAL
            added = message.field.add(name=field, number=number, label=label)
            if isinstance(kind, str):
                added.type, added.type_name = FIELD.TYPE_MESSAGE, kind
            else:
                added.type = kind
    wrappers = descriptor_pb2.FileDescriptorProto()
    wrappers_pb2.DESCRIPTOR.CopyToProto(wrappers)
    found = message_factory.GetMessages([wrappers, file])
    return {
        "models.config": model_server_config_pb2.ModelServerConfig,
        "batching.config": found["tensorflow.serving.BatchingParameters"],
        "monitoring.config": found["tensorflow.serving.MonitoringConfig"],
    }


TYPES = message_types()


def parsed(name: str) -> Any:
    return text_format.Parse((CONFIGS / name).read_text(), TYPES[name]())


@pytest.mark.parametrize("name", sorted(TYPES))
def test_tensorflow_serving_understands_each_of_its_files(name):
    assert parsed(name).ByteSize() > 0
    assert sorted(path.name for path in CONFIGS.iterdir()) == sorted(TYPES)


@pytest.mark.parametrize(
    ("name", "right", "wrong"),
    [
        ("models.config", "base_path", "basepath"),
        ("models.config", "num_versions: 1", 'num_versions: "one"'),
        ("models.config", "latest {", "newest {"),
        ("batching.config", "max_batch_size {", "max_batchsize {"),
        ("batching.config", "{ value: 2000 }", "2000"),
        ("monitoring.config", "prometheus_config", "prometheus"),
        ("monitoring.config", "enable: true", "enable: yes"),
    ],
)
def test_a_slip_in_such_a_file_is_seen(name, right, wrong):
    text = (CONFIGS / name).read_text()
    assert right in text
    with pytest.raises(text_format.ParseError):
        text_format.Parse(text.replace(right, wrong), TYPES[name]())


def command() -> dict[str, str]:
    flags = manifest_files.compose()["services"]["tensorflow-serving"]["command"]
    return dict(flag.removeprefix("--").split("=") for flag in flags)


def test_the_flags_exist_and_name_files_that_are_there():
    flags = command()
    assert set(flags) <= FLAGS
    files = [value for name, value in flags.items() if name.endswith("_file")]
    assert sorted(files) == sorted(f"/config/{name}" for name in TYPES)


def test_models_lie_where_the_folder_is_mounted():
    for model in parsed("models.config").model_config_list.config:
        assert model.base_path == f"/models/{model.name}"
        assert model.model_version_policy.latest.num_versions == 1


def test_as_many_batches_run_as_there_are_cpus():
    limits = manifest_files.compose()["services"]["tensorflow-serving"]["deploy"]["resources"]
    assert parsed("batching.config").num_batch_threads.value == int(limits["limits"]["cpus"])


def test_prometheus_asks_where_the_metrics_are():
    path = manifest_files.COMPOSE / "prometheus" / "prometheus.yml"
    job = yaml.safe_load(path.read_text())["scrape_configs"][0]
    assert job["metrics_path"] == parsed("monitoring.config").prometheus_config.path
    port = command()["rest_api_port"]
    assert job["static_configs"] == [{"targets": [f"tensorflow-serving:{port}"]}]


def validated(content: dict[str, Any]) -> None:
    """Checks a compose file: unknown keys, wrong values, missing networks and volumes."""
    compose_spec = pytest.importorskip("compose_spec", reason="compose-spec is in the extra dev")
    compose_spec.PyCompose.from_json(json.dumps(content)).validate()
    services = content["services"].values()
    mounts = [mount for service in services for mount in service.get("volumes", [])]
    # It leaves these out.
    named = {mount.split(":")[0] for mount in mounts if isinstance(mount, str)}
    if unknown := named - set(content["volumes"]):
        raise ValueError(f"no such volume: {unknown}")


def test_compose_understands_its_file():
    validated(manifest_files.compose())


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("read_only: true\n  cap", "readonly: true\n  cap"),
        ("retries: 3", "retry: 3"),
        ("condition: service_healthy", "condition: healthy"),
        ("interval: 10s", "interval: soon"),
        ("networks: [models]", "networks: [model]"),
        ('"metrics:/', '"measures:/'),
        ("limits: {cpus", "limit: {cpus"),
        ("tensorflow/serving:", "tensorflow/serving::"),
    ],
)
def test_a_slip_in_the_compose_file_is_seen(right, wrong):
    text = (manifest_files.COMPOSE / "compose.yaml").read_text()
    assert right in text
    content = yaml.safe_load(manifest_files.render(text.replace(right, wrong)))
    with pytest.raises(ValueError):
        validated(content)


def dangers(service: dict[str, Any]) -> list[str]:
    """Returns the unsafe settings of a service of the compose file."""
    mounts = service.get("volumes", [])
    resources = service.get("deploy", {}).get("resources", {}).get("limits", {})
    found = {
        "privileged": service.get("privileged") or service.get("cap_add"),
        "host's namespace": any(service.get(key) == "host" for key in ("network_mode", "pid")),
        "capabilities": service.get("cap_drop") != ["ALL"],
        "new privileges": "no-new-privileges:true" not in service.get("security_opt", []),
        "root": service.get("user", "0").split(":")[0] in ("0", "root"),
        "writable root": not service.get("read_only"),
        "writable mount": any(
            not one.get("read_only") for one in mounts if one != "metrics:/prometheus"
        ),
        "no limits": not {"cpus", "memory", "pids"} <= set(resources),
        "no health check": not service.get("healthcheck", {}).get("test"),
        "image not pinned": not re.search(r":v?\d+\.\d+\.\d+", service["image"]),
        "open to all": not all(port.startswith("127.0.0.1:") for port in service.get("ports", [])),
    }
    return [name for name, is_so in found.items() if is_so]


@pytest.mark.parametrize("name", ["tensorflow-serving", "reverse-proxy", "prometheus"])
def test_services_are_safe(name):
    assert dangers(manifest_files.compose()["services"][name]) == []


CHANGES: list[tuple[str, Callable[[dict[str, Any]], object]]] = [
    ("privileged", lambda one: one.update(privileged=True)),
    ("host's namespace", lambda one: one.update(network_mode="host")),
    ("capabilities", lambda one: one.pop("cap_drop")),
    ("new privileges", lambda one: one.pop("security_opt")),
    ("root", lambda one: one.pop("user")),
    ("writable root", lambda one: one.update(read_only=False)),
    ("writable mount", lambda one: one["volumes"][0].pop("read_only")),
    ("no limits", lambda one: one["deploy"]["resources"]["limits"].pop("memory")),
    ("no health check", lambda one: one.pop("healthcheck")),
    ("image not pinned", lambda one: one.update(image="nginx:latest")),
    ("open to all", lambda one: one.update(ports=["8080:8080"])),
]


@pytest.mark.parametrize(("danger", "change"), CHANGES, ids=[name for name, _ in CHANGES])
def test_each_danger_is_seen(danger, change):
    service = copy.deepcopy(manifest_files.compose()["services"]["reverse-proxy"])
    change(service)
    assert dangers(service) == [danger]


def test_the_model_server_cannot_be_reached_but_by_the_reverse_proxy():
    content = manifest_files.compose()
    server = content["services"]["tensorflow-serving"]
    assert server["networks"] == ["models"] and "ports" not in server
    assert content["networks"]["models"] == {"internal": True}


def test_the_servers_are_no_older_than_the_tensorflow_that_exports():
    lock = (manifest_files.ROOT / "requirements" / "py312.lock").read_text()
    exporting = re.search(r"^tensorflow==(\d+\.\d+)", lock, re.MULTILINE)
    assert exporting is not None
    service = manifest_files.documents(
        manifest_files.MANIFESTS / "kserve" / "inference_service.yaml"
    )[0]
    images = [
        manifest_files.compose()["services"]["tensorflow-serving"]["image"].split(":")[1],
        service["spec"]["predictor"]["model"]["runtimeVersion"],
    ]
    for image in images:
        assert version.parse(image) >= version.parse(exporting[1])


def test_the_readme_explains_every_variable():
    readme = (manifest_files.MANIFESTS / "README.md").read_text()
    explained = set(re.findall(r"`([A-Z0-9_]+)`", readme))
    paths = [path for path in manifest_files.MANIFESTS.rglob("*.yaml") if path.is_file()]
    used = {
        match[0]
        for path in [*paths, manifest_files.REVERSE_PROXY]
        for match in manifest_files.VARIABLE.findall(path.read_text())
    }
    assert used - explained == set()


def test_compose_gives_the_reverse_proxy_every_variable():
    given = manifest_files.compose()["services"]["reverse-proxy"]["environment"]
    used = manifest_files.VARIABLE.findall(manifest_files.REVERSE_PROXY.read_text())
    assert {name for name, _, _ in used} == set(given)
