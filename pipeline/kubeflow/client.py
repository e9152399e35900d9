"""Talks to Kubeflow Pipelines through its own client, in a separate environment.

    python client.py < request.json

The client needs other versions of urllib3 and protobuf than the project. So this file is a
program that imports nothing of the project. It reads one JSON object from standard input and the
token from the variable KUBEFLOW_TOKEN, and writes one JSON object to standard output:
``{"id", "url"}``, or ``{"error", "code"}``, a sentence and one of the codes below.
"""

import contextlib
import json
import os
import sys
from typing import Any

TOKEN_VARIABLE = "KUBEFLOW_TOKEN"  # noqa: S105
# The codes of errors.
NOT_INSTALLED = "not_installed"  # the client is not in this environment
FAILED = "failed"  # Kubeflow refused, or cannot be reached


def main() -> int:
    """Executes the request on standard input; returns the exit code."""
    request = json.load(sys.stdin)
    token = os.environ.pop(TOKEN_VARIABLE, "") or None
    try:
        # The client prints text for notebooks.
        with contextlib.redirect_stdout(sys.stderr):
            answer = _ask(request, token)
    except Exception as error:
        code = NOT_INSTALLED if isinstance(error, ImportError) else FAILED
        answer = {"error": _sentence(error, token), "code": code}
    sys.stdout.write(json.dumps(answer) + "\n")
    return int("error" in answer)


def _ask(request: dict[str, Any], token: str | None) -> dict[str, str]:
    import kfp

    if not hasattr(kfp, "Client"):  # kfp-pipeline-spec alone installs a package of that name
        raise ImportError("kfp")
    host = request["host"].rstrip("/")
    client = kfp.Client(
        host=host, namespace=request["namespace"] or "kubeflow", existing_token=token
    )
    common = {
        "pipeline_root": request["pipeline_root"],
        "service_account": request["service_account"],
    }
    experiment = client.create_experiment(request["experiment"], namespace=request["namespace"])
    if request["action"] == "submit":
        run = client.create_run_from_pipeline_package(
            request["package"],
            run_name=request["name"],
            experiment_id=experiment.experiment_id,
            **common,
        )
        return {"id": run.run_id, "url": f"{host}/#/runs/details/{run.run_id}"}
    job = client.create_recurring_run(
        experiment.experiment_id,
        request["name"],
        cron_expression=request["cron"],
        max_concurrency=1,
        no_catchup=True,
        pipeline_package_path=request["package"],
        **common,
    )
    found = job.recurring_run_id
    return {"id": found, "url": f"{host}/#/recurringrun/details/{found}"}


def _sentence(error: BaseException, token: str | None) -> str:
    """Describes an error in one line, without the token."""
    if isinstance(error, ImportError):
        return f"kfp, the client of Kubeflow Pipelines, is not installed for {sys.executable}"
    status, reason = getattr(error, "status", None), getattr(error, "reason", None)
    body = str(getattr(error, "body", "") or "")
    with contextlib.suppress(ValueError):
        body = str(json.loads(body).get("error", body))
    text = f"{status} {reason}: {body}" if status else f"{type(error).__name__}: {error}"
    line = " ".join(text.split())[:500]
    return line.replace(token, "…") if token else line


if __name__ == "__main__":
    sys.exit(main())
