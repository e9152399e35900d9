"""Telling a webhook or a command what came of a run. What is secret never reaches a log."""

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
from pipeline.scheduled import post

Payload = dict[str, Any]
_TAIL_BYTES = 4000
_LONGEST_LINE = 300


def deliver(payload: Payload, config: retrain_config.NotifyConfig) -> list[str]:
    """Sends one notification to all that are configured; raises nothing.

    Each may take ``timeout_s`` altogether, whatever it does.

    Args:
      payload: what JSON has room for; "event" and "text" among it.
      config: whom to tell.

    Returns:
      What went wrong, in sentences without URLs or tokens.
    """
    # A name of a file need not be UTF-8; JSON has an escape for it.
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
        # http and https alone: never a file.
        pydantic.TypeAdapter(pydantic.HttpUrl).validate_python(url)
    except pydantic.ValidationError:
        return "The webhook is no http or https address."
    headers = {"Content-Type": "application/json", "User-Agent": "image-pipeline"}
    token = os.environ.get(config.token_variable or "")
    if token:
        headers["Authorization"] = f"Bearer {token}"
    question: dict[str, Any] = {"url": url, "headers": headers, "body": body.decode()}
    question["timeout_s"] = config.timeout_s
    # -I and a file: of the project nothing is imported, which takes most of the time to start.
    command = [sys.executable, "-I", post.__file__]
    try:
        code, said = _bounded(command, json.dumps(question).encode(), config.timeout_s)
    except subprocess.TimeoutExpired:
        return f"The webhook took more than {config.timeout_s:g} s."
    except OSError as error:
        return f"The webhook could not be asked: {error.strerror}."
    if not code:
        return None
    # What the server calls its answer may hold anything, what it was sent among it.
    for secret in filter(None, (url, token)):
        said = said.replace(secret, "…")
    return said or "The webhook could not be asked."


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
    """Runs a program; with all it started, it is killed when the time is up.

    Files instead of pipes: what a program leaves running may hold a pipe open for ever.

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
