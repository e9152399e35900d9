"""Notifies a webhook or a command of the outcome of a run. Secrets never reach a log."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from typing import Any

import pydantic

from pipeline.scheduled import config as retrain_config
from pipeline.scheduled import webhook_process

Payload = dict[str, Any]
_TAIL_BYTES = 4000
_LONGEST_LINE = 300


def deliver(payload: Payload, config: retrain_config.NotifyConfig) -> list[str]:
    """Sends one notification to all configured receivers; never raises.

    Each may take at most ``timeout_s`` in total.

    Args:
      payload: a value that JSON can represent, with "event" and "text".
      config: the receivers.

    Returns:
      The problems, in sentences without URLs or tokens.
    """
    # A file name need not be UTF-8; JSON has an escape for it.
    body = json.dumps(payload, ensure_ascii=False).encode(errors="backslashreplace")
    problems = []
    url = os.environ.get(config.webhook_variable or "") or (config.webhook and str(config.webhook))
    if url:
        problems.append(_post(url, body, config))
    if config.command:
        problems.append(_run(body, config))
    return [problem for problem in problems if problem]


def _post(url: str, body: bytes, config: retrain_config.NotifyConfig) -> str | None:
    try:
        # Only http and https: never a file.
        pydantic.TypeAdapter(pydantic.HttpUrl).validate_python(url)
    except pydantic.ValidationError:
        return "The webhook is not an http or https address."
    headers = {"Content-Type": "application/json", "User-Agent": "image-pipeline"}
    token = os.environ.get(config.token_variable or "")
    if token:
        headers["Authorization"] = f"Bearer {token}"
    question: dict[str, Any] = {"url": url, "headers": headers, "body": body.decode()}
    question["timeout_s"] = config.timeout_s
    # -I and a file: imports nothing of the project, which would take most of the start-up time.
    command = [sys.executable, "-I", webhook_process.__file__]
    try:
        code, said = _bounded(command, json.dumps(question).encode(), config.timeout_s)
    except subprocess.TimeoutExpired:
        return f"The webhook took more than {config.timeout_s:g} s."
    except OSError as error:
        return f"The webhook could not be called: {error.strerror}."
    if not code:
        return None
    # The server's reason phrase may contain anything, even the request.
    for secret in filter(None, (url, token)):
        said = said.replace(secret, "…")
    return said or "The webhook could not be called."


def _run(body: bytes, config: retrain_config.NotifyConfig) -> str | None:
    name = config.command[0]
    try:
        code, said = _bounded(config.command, body, config.timeout_s)
    except subprocess.TimeoutExpired:
        return f"The command {name} took more than {config.timeout_s:g} s."
    except OSError as error:
        return f"The command {name} could not be run: {error.strerror}."
    return f"The command {name} ended with code {code}. {said}".strip() if code else None


def _bounded(command: Sequence[str], given: bytes, timeout_s: float) -> tuple[int, str]:
    """Runs a program; kills it and its children when the time is up.

    Uses files instead of pipes: a process that the program leaves behind may keep a pipe open.

    Returns:
      Its exit code, and the last line that it wrote to stderr, without control characters.

    Raises:
      subprocess.TimeoutExpired: it took longer.
      OSError: it could not be started.
    """
    with tempfile.TemporaryFile() as stdin, tempfile.TemporaryFile() as stderr:
        stdin.write(given)
        stdin.seek(0)
        process = subprocess.Popen(  # noqa: S603 (the user's own program, by an argument list)
            command,
            stdin=stdin,
            stdout=subprocess.DEVNULL,
            stderr=stderr,
            start_new_session=True,
        )
        try:
            code = process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            raise
        stderr.seek(max(0, stderr.seek(0, os.SEEK_END) - _TAIL_BYTES))
        lines = stderr.read().decode("utf-8", "replace").strip().splitlines()
    last = "".join(filter(str.isprintable, lines[-1])) if lines else ""
    return code, last[:_LONGEST_LINE]
