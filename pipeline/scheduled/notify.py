"""Telling a webhook or a command what came of a run. What is secret never reaches a log."""

import json
import os
import subprocess
import urllib.error
import urllib.request
from typing import Any, NoReturn

import pydantic

from pipeline.scheduled import config as retrain_config

Payload = dict[str, Any]


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """A webhook that moved is told of, not followed: it would be sent the token."""

    def redirect_request(
        self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str
    ) -> NoReturn:
        """See the base class."""
        raise urllib.error.HTTPError("", code, "it redirects elsewhere", headers, fp)


def deliver(payload: Payload, config: retrain_config.NotifyConfig) -> list[str]:
    """Sends one notification to all that are configured.

    Args:
      payload: what JSON has room for; "event" and "text" among it.
      config: whom to tell.

    Returns:
      What went wrong, in sentences without URLs or tokens.
    """
    body = json.dumps(payload, ensure_ascii=False).encode()
    problems = []
    url = os.environ.get(config.webhook_variable or "") or (config.webhook and str(config.webhook))
    if url:
        problems.append(_post(url, body, config))
    if config.command:
        problems.append(_run(body, config))
    return [problem for problem in problems if problem]


def _post(url: str, body: bytes, config: retrain_config.NotifyConfig) -> str | None:
    try:
        # http and https alone: never a file.
        pydantic.TypeAdapter(pydantic.HttpUrl).validate_python(url)
    except pydantic.ValidationError:
        return "The webhook is no http or https address."
    headers = {"Content-Type": "application/json", "User-Agent": "image-pipeline"}
    token = os.environ.get(config.token_variable or "")
    if token:
        headers["Authorization"] = f"Bearer {token}"
    request = urllib.request.Request(url, body, headers, method="POST")  # noqa: S310 (see above)
    opener = urllib.request.build_opener(_NoRedirects)
    try:
        with opener.open(request, timeout=config.timeout_s) as answer:
            answer.read(1 << 16)
    except urllib.error.HTTPError as error:
        return f"The webhook answered {error.code} {error.msg}."
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", None) or type(error).__name__
        return f"The webhook could not be reached: {reason}."
    return None


def _run(body: bytes, config: retrain_config.NotifyConfig) -> str | None:
    name = config.command[0]
    try:
        done = subprocess.run(  # noqa: S603 (the user's own program, by an argument list)
            config.command,
            input=body,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            timeout=config.timeout_s,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return f"The command {name} took more than {config.timeout_s:g} s."
    except OSError as error:
        return f"The command {name} could not be run: {error.strerror}."
    if done.returncode:
        said = done.stderr.decode("utf-8", "replace").strip().splitlines()[-1:]
        return f"The command {name} ended with code {done.returncode}. {' '.join(said)}".strip()
    return None
