"""The Kubernetes manifests: valid by their schemas, consistent with the server and its image."""

import ast
import json
import re
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from serving import __main__ as server
from serving.triton import repository
from tests.serving import manifest_files

TRITON = manifest_files.MANIFESTS / "triton"
INFERENCE_SERVICE = manifest_files.MANIFESTS / "kserve" / "inference_service.yaml"
KSERVE_SCHEMA = Path(__file__).with_name("kserve_inference_service.schema.json")
# The oldest and the newest that are checked.
KUBERNETES = ["1.29", "1.37"]
# Packages with another import name, or that come with another package.
PACKAGES = {
    "PIL": "pillow",
    "pytriton": "nvidia-pytriton",
    "tensorflow": "tensorflow-cpu",
    "triton_python_backend_utils": "nvidia-pytriton",
    "tritonclient": "nvidia-pytriton",
}


def deployed() -> tuple[dict[str, Any], dict[str, Any]]:
    """Returns the Deployment and the Service."""
    deployment, service = manifest_files.documents(TRITON / "deployment.yaml")
    return deployment, service


def container() -> dict[str, Any]:
    return deployed()[0]["spec"]["template"]["spec"]["containers"][0]


def validate(content: dict[str, Any], version: str = KUBERNETES[-1]) -> None:
    schemas = pytest.importorskip(
        "kubernetes_validate", reason="kubernetes-validate is in the extra dev"
    )
    schemas.validate(content, version, strict=True)


@pytest.mark.parametrize("version", KUBERNETES)
def test_kubernetes_understands_the_deployment_and_the_service(version):
    for content in deployed():
        validate(content, version)


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("replicas: 2", "replica: 2"),
        ("replicas: 2", "replicas: two"),
        ("readinessProbe:", "readynessProbe:"),
        ("containerPort: 8000", "containerport: 8000"),
        ("periodSeconds: 10", "periodSeconds: 10s"),
        ("mountPath: /tmp", "mountpath: /tmp"),
        ("drop: [ALL]", "drop: ALL"),
        ("port: 8501, ", ""),
        ("claimName", "claim"),
    ],
)
def test_a_slip_in_them_is_seen(right, wrong):
    text = (TRITON / "deployment.yaml").read_text()
    assert right in text
    with pytest.raises(jsonschema.ValidationError):
        for content in yaml.safe_load_all(manifest_files.render(text.replace(right, wrong))):
            validate(content)


def merged(base: Any, patch: Any) -> Any:
    """Applies a strategic merge, as far as the patch needs it: lists of containers by name."""
    if isinstance(base, dict) and isinstance(patch, dict):
        return {**base, **{key: merged(base.get(key), value) for key, value in patch.items()}}
    if isinstance(base, list) and isinstance(patch, list) and "name" in patch[0]:
        return [merged(one, new) for one in base for new in patch if one["name"] == new["name"]]
    return patch


def test_the_gpu_comes_on_top():
    patch = manifest_files.documents(TRITON / "gpu_patch.yaml")[0]
    deployment = merged(deployed()[0], patch)
    validate(deployment)
    limits = deployment["spec"]["template"]["spec"]["containers"][0]["resources"]["limits"]
    assert limits == {**container()["resources"]["limits"], "nvidia.com/gpu": "1"}


def test_ports_and_labels_fit_together():
    deployment, service = deployed()
    template = deployment["spec"]["template"]
    labels = template["metadata"]["labels"]
    assert deployment["spec"]["selector"]["matchLabels"] == labels == service["spec"]["selector"]
    ports = {port["name"]: port["containerPort"] for port in container()["ports"]}
    assert {port["targetPort"]: port["port"] for port in service["spec"]["ports"]}.items() <= (
        ports.items()
    )
    for kind in ("startup", "readiness", "liveness"):
        assert container()[f"{kind}Probe"]["httpGet"]["port"] in ports
    assert template["metadata"]["annotations"]["prometheus.io/port"] == str(ports["metrics"])
    mounts = {mount["name"] for mount in container()["volumeMounts"]}
    assert mounts == {volume["name"] for volume in template["spec"]["volumes"]}


def test_the_pod_is_safe():
    pod = deployed()[0]["spec"]["template"]["spec"]
    assert pod["securityContext"]["runAsNonRoot"] and not pod["automountServiceAccountToken"]
    assert container()["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    writable = [one["mountPath"] for one in container()["volumeMounts"] if not one.get("readOnly")]
    assert writable == ["/tmp", "/dev/shm"]  # noqa: S108
    assert {"cpu", "memory"} <= set(container()["resources"]["limits"])


def test_the_server_takes_the_arguments(capsys):
    entry = re.search(r"^ENTRYPOINT (.*)$", (TRITON / "Dockerfile").read_text(), re.MULTILINE)
    assert entry is not None
    command = json.loads(entry[1]) + container()["args"]
    assert command[:3] == ["python", "-m", "serving"]
    # It reports no error before the missing model.
    assert server.main(command[3:]) == 2
    assert "There is no folder /models/digits" in capsys.readouterr().err
    assert server.main([*command[3:], "--wokers", "1"]) == 2
    assert "wokers" in capsys.readouterr().err


def imported(folder: Path) -> set[str]:
    """Returns the top-level names that the files of a folder import."""
    names: set[str] = set()
    for path in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                names |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
                names.add(node.module.split(".")[0])
    return names


def test_the_image_has_what_the_server_imports_and_what_was_tested():
    text = (TRITON / "Dockerfile").read_text()
    installed = re.search(r'"\$\{TENSORFLOW\}" (.*)$', text, re.MULTILINE)
    tensorflow = re.search(r"^ARG TENSORFLOW=tensorflow-cpu==(.*)$", text, re.MULTILINE)
    assert installed is not None and tensorflow is not None
    packages = {*installed[1].split(), "tensorflow-cpu"}
    needed = imported(manifest_files.ROOT / "serving") - set(sys.stdlib_module_names)
    # Those lie beside the backend.
    needed -= {"serving", *(Path(name).stem for name in repository.BACKEND_FILES)}
    assert {PACKAGES.get(name, name) for name in needed} <= packages
    lock = (manifest_files.ROOT / "requirements" / "py312.lock").read_text()
    locked = dict(re.findall(r"^([\w-]+)==(\S+)", lock, re.MULTILINE))
    assert locked["tensorflow"] == tensorflow[1]
    assert packages - {"tensorflow-cpu"} <= set(locked)


def test_kserve_understands_its_file():
    schema = json.loads(KSERVE_SCHEMA.read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(manifest_files.documents(INFERENCE_SERVICE)[0], schema)


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("canaryTrafficPercent", "canaryTraffic"),
        ("${CANARY_PERCENT}", "110"),
        ('"2.21.0"', "2.21"),
        ('runtimeVersion: "2.21.0"', ""),
        ("storageUri: ", "storageURI: "),
        ("${STORAGE_URI}", "/srv/models"),
        ("modelFormat:", "format:"),
        ("memory: 4Gi", "memory: 4GB"),
        ("v1beta1", "v1beta2"),
        ("scaleMetric: concurrency", "scaleMetric: requests"),
        ("${SERVICE_NAME}", "My_Digits"),
    ],
)
def test_a_slip_in_it_is_seen(right, wrong):
    # Comments speak of versions too.
    lines = INFERENCE_SERVICE.read_text().splitlines()
    text = "\n".join(line for line in lines if not line.strip().startswith("#"))
    assert right in text
    content = yaml.safe_load(manifest_files.render(text.replace(right, wrong)))
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(content, json.loads(KSERVE_SCHEMA.read_text()))
