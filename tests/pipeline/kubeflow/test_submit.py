"""Submitting through the real client to a fake API server; the client's environment is made."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from data import errors
from pipeline.kubeflow import spec, submit
from tests.pipeline.kubeflow import fake_api
from tests.pipeline.kubeflow.conftest import parsed

pytest.importorskip("kfp.pipeline_spec", reason="the extra kubeflow is not installed")

ROOT = Path(__file__).resolve().parents[3]
GOLDEN = Path(__file__).parent / "golden.yaml"
KUBERNETES = "kfp-kubernetes==2.17.3"  # the schema of the package's second document


@pytest.fixture(scope="module")
def client(tmp_path_factory) -> Path:
    """Python with the client of Kubeflow Pipelines."""
    if submit.DEFAULT_CLIENT.is_file():
        return submit.DEFAULT_CLIENT
    uv = shutil.which("uv", path=f"{Path(sys.executable).parent}")
    if uv is None:
        pytest.skip("there is no uv to make the client's environment with")
    folder = tmp_path_factory.mktemp("client") / "venv"
    python = folder / "bin" / "python"
    install = [uv, "pip", "install", "--quiet", "--python", str(python)]
    for command in (
        [uv, "venv", "--quiet", "--python", sys.executable, str(folder)],
        [*install, "-r", str(ROOT / submit.REQUIREMENTS), KUBERNETES],
    ):
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            pytest.skip(f"the client's environment cannot be made: {done.stderr[-200:]}")
    return python


@pytest.fixture
def api():
    with fake_api.serving() as server:
        yield server
        assert server.problems == []


@pytest.fixture
def settings(api, client, tmp_path):
    token = tmp_path / "token"
    token.write_text(f"{fake_api.TOKEN}\n")
    return parsed(
        f"--kubeflow.host={api.url}",
        f"--kubeflow.client={client}",
        f"--kubeflow.token-file={token}",
        "--kubeflow.pipeline-root=s3://bucket/images",
        "--kubeflow.experiment=photos",
        "--kubeflow.service-account=pipeline-runner",
        "--kubeflow.cron=30 3 * * 7",
    ).kubeflow


@pytest.mark.landing
def test_a_run(api, settings):
    accepted = submit.ask(settings, GOLDEN, "images-1", recurring=False)
    assert accepted == submit.Accepted("r-1", f"{api.url}/#/runs/details/r-1")
    (_, experiment), (resource, body) = api.posted
    assert experiment["display_name"] == "photos"
    assert resource == "runs"
    assert (body["display_name"], body["experiment_id"]) == ("images-1", "e-1")
    assert body["service_account"] == "pipeline-runner"
    assert body["runtime_config"]["pipeline_root"] == "s3://bucket/images"
    pipeline, platform = yaml.safe_load_all(GOLDEN.read_text())
    assert body["pipeline_spec"]["platform_spec"] == platform
    assert body["pipeline_spec"]["pipeline_spec"]["components"] == pipeline["components"]
    assert body["pipeline_spec"]["pipeline_spec"]["root"] == pipeline["root"]


@pytest.mark.landing
def test_a_recurring_run_has_six_fields_and_no_second_at_a_time(api, settings):
    accepted = submit.ask(settings, GOLDEN, "images-2", recurring=True)
    assert accepted.id == "j-1"
    resource, body = api.posted[-1]
    assert resource == "recurringruns"
    assert body["trigger"]["cron_schedule"]["cron"] == "0 30 3 * * 0"
    assert body["max_concurrency"] == 1
    assert body["no_catchup"] is True
    assert body["mode"] == "ENABLE"


@pytest.mark.landing
def test_a_refusal_is_told_in_one_line_without_the_token(api, settings):
    api.refusal = (403, {"error": f"no right for Bearer {fake_api.TOKEN}", "code": 7})
    with pytest.raises(errors.PipelineError) as caught:
        submit.ask(settings, GOLDEN, "images-3", recurring=False)
    message = str(caught.value)
    assert message == f"{api.url} did not accept it: 403 Forbidden: no right for Bearer …."


@pytest.mark.landing
def test_the_second_document_is_what_kubernetes_understands(client):
    """The volume, parsed by the schema of kfp-kubernetes in the client's environment."""
    code = (
        "import json, sys; from google.protobuf import json_format;"
        " from kfp.kubernetes import kubernetes_executor_config_pb2 as pb;"
        " rows = json.load(sys.stdin);"
        " [json_format.ParseDict(row, pb.KubernetesExecutorConfig()) for row in rows.values()];"
        " print(len(rows))"
    )
    pipeline = next(yaml.safe_load_all(GOLDEN.read_text()))
    platform = spec.platform(pipeline, spec.Volume("images:/mnt/images"))
    rows = platform["platforms"]["kubernetes"]["deploymentSpec"]["executors"]
    done = subprocess.run(
        [str(client), "-W", "ignore", "-c", code],
        input=json.dumps(rows),
        capture_output=True,
        text=True,
    )
    assert done.stdout.strip() == str(len(pipeline["deploymentSpec"]["executors"])), done.stderr


def test_a_missing_client_names_the_way_to_it():
    settings = parsed("--kubeflow.host=http://127.0.0.1:9", f"--kubeflow.client={sys.executable}")
    with pytest.raises(errors.UserError, match=r"requirements/kubeflow-client\.txt") as caught:
        submit.ask(settings.kubeflow, GOLDEN, "x", recurring=False)
    assert caught.value.exit_code == 2


def test_what_is_missing_is_told_at_once(tmp_path):
    settings = parsed("--kubeflow.client=/no/python", "--kubeflow.token-file=/no/token").kubeflow
    with pytest.raises(errors.ConfigError) as caught:
        submit.check(settings, recurring=True)
    names = [problem.split()[0] for problem in caught.value.problems]
    assert names == ["kubeflow.host", "kubeflow.cron", "kubeflow.client", "kubeflow.token_file"]
