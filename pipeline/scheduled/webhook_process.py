"""Sends one request to a webhook, as a process: ``python -m pipeline.scheduled.webhook_process``.

The parent process kills it after a time limit: a time limit of sockets does not stop a server that
sends a byte now and then, nor a name look-up that hangs. Imports only the standard library.

On stdin a JSON object: ``url``, ``headers``, ``body`` and ``timeout_s``. On stderr the error in one
line; nothing if the request was accepted.
"""

import json
import sys
import urllib.error
import urllib.request
from typing import Any, NoReturn


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """Refuses redirects, which would send the token to another server."""

    def redirect_request(
        self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str
    ) -> NoReturn:
        """See the base class."""
        raise urllib.error.HTTPError("", code, "it redirects elsewhere", headers, fp)


def post(question: dict[str, Any]) -> str:
    """Sends a request.

    Args:
      question: see the module.

    Returns:
      The error in a sentence; empty if the request was accepted.
    """
    request = urllib.request.Request(  # noqa: S310 (whoever asks has checked that it is http or https)
        question["url"], question["body"].encode(), question["headers"], method="POST"
    )
    opener = urllib.request.build_opener(_NoRedirects)
    try:
        # The status alone shows whether it was accepted; the body of the answer is not used.
        with opener.open(request, timeout=question["timeout_s"]):
            return ""
    except urllib.error.HTTPError as error:
        return f"The webhook answered {error.code} {error.msg}."
    except Exception as error:
        reason = getattr(error, "reason", None) or type(error).__name__
        return f"The webhook could not be reached: {reason}."


if __name__ == "__main__":
    sys.exit(post(json.load(sys.stdin)) or 0)
