"""Submits a run or a recurring run to Kubeflow; the client is a separate process."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from data import errors
from data.files import read_back
from pipeline.kubeflow import client, cron
from pipeline.kubeflow import config as kubeflow_config

ROOT = Path(__file__).resolve().parent.parent.parent
DEFAULT_CLIENT = ROOT / ".venv-kubeflow" / "bin" / "python"
REQUIREMENTS = "requirements/kubeflow-client.txt"
_LIMIT_S = 300


@dataclass(frozen=True)
class Accepted:
    """The run that Kubeflow created for a request.

    Attributes:
      id: the id of the run, or of the recurring run.
      url: the address of its page.
    """

    id: str
    url: str


def check(settings: kubeflow_config.KubeflowConfig, recurring: bool) -> None:
    """Checks before any work that Kubeflow can be reached.

    Raises:
      errors.ConfigError: something is missing; names everything.
    """
    problems = []
    if settings.host is None:
        problems.append(
            "kubeflow.host is missing; give the address of the API of Kubeflow Pipelines, such as"
            " --kubeflow.host http://127.0.0.1:8888 after kubectl port-forward."
        )
    if recurring and settings.cron is None:
        problems.append('kubeflow.cron is missing; give a schedule, such as "0 3 * * mon".')
    if settings.client is not None and not settings.client.is_file():
        problems.append(f"kubeflow.client is {settings.client}, where no Python is.")
    token_file = settings.token_file
    if token_file is not None and not (token_file.is_file() and os.access(token_file, os.R_OK)):
        problems.append(f"kubeflow.token_file is {token_file}, which cannot be read.")
    if problems:
        raise errors.ConfigError(*problems)


def ask(
    settings: kubeflow_config.KubeflowConfig, package: Path, name: str, recurring: bool
) -> Accepted:
    """Submits a package.

    Args:
      settings: the host, the token, the experiment, the schedule.
      package: a compiled pipeline.
      name: the name of the run.
      recurring: whether to run it repeatedly, by ``settings.cron``.

    Raises:
      errors.UserError: the client is not installed.
      errors.PipelineError: Kubeflow did not accept it; states the reason.
    """
    request = {
        "action": "schedule" if recurring else "submit",
        "host": settings.host,
        "namespace": settings.namespace,
        "experiment": settings.experiment,
        "service_account": settings.service_account,
        "package": str(package),
        "pipeline_root": settings.pipeline_root,
        "name": name,
        "cron": cron.six_fields(settings.cron) if recurring and settings.cron else None,
    }
    default = DEFAULT_CLIENT if DEFAULT_CLIENT.is_file() else Path(sys.executable)
    python = settings.client or default
    try:
        done = subprocess.run(  # noqa: S603
            [str(python), "-W", "ignore", client.__file__],
            input=json.dumps(request),
            env=_environment(settings),
            capture_output=True,
            text=True,
            timeout=_LIMIT_S,
        )
        answer = read_back.from_json(done.stdout, "answer of Kubeflow's client", _answer)
    except subprocess.TimeoutExpired as error:
        raise errors.PipelineError(
            f"{settings.host} has not answered within {_LIMIT_S} s."
        ) from error
    except (OSError, ValueError, read_back.ReadError) as error:
        raise errors.PipelineError(f"The client of Kubeflow failed: {error}.") from error
    if answer.get("code") == client.NOT_INSTALLED:
        raise errors.UserError(
            f"{answer['error']}. Make it an environment: uv venv .venv-kubeflow, then uv pip install"
            f" --python .venv-kubeflow -r {REQUIREMENTS}; another is named by --kubeflow.client."
        )
    if "error" in answer:
        raise errors.PipelineError(f"{settings.host} did not accept it: {answer['error']}.")
    return Accepted(answer["id"], answer["url"])


def _answer(found: Any) -> dict[str, str]:
    names = ("error", "code") if "error" in found else ("id", "url")
    return {name: str(found[name]) for name in names}


def _environment(settings: kubeflow_config.KubeflowConfig) -> dict[str, str]:
    """Returns the client's environment: this process's without PYTHONPATH, and the token."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    if settings.token_file is not None:
        token = read_back.text(settings.token_file, "file of --kubeflow.token-file").strip()
        environment[client.TOKEN_VARIABLE] = token
    return environment
