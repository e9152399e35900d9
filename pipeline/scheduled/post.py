"""Sends one request to a webhook, in a process of its own: ``python -m pipeline.scheduled.post``.

Whoever starts it kills it after a bound on time: a time limit of sockets alone does not end a server
that sends a byte now and then, nor a name that is not resolved. Imports the standard library alone.

On stdin a JSON object: ``url``, ``headers``, ``body`` and ``timeout_s``. On stderr, in one line, what
went wrong; nothing where it was taken.
"""

import json
import sys
import urllib.error
import urllib.request
from typing import Any, NoReturn


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """A webhook that moved is told of, not followed: it would be sent the token."""

    def redirect_request(
        self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str
    ) -> NoReturn:
        """See the base class."""
        raise urllib.error.HTTPError("", code, "it redirects elsewhere", headers, fp)


def post(question: dict[str, Any]) -> str:
    """Sends it.

    Args:
      question: see the module.

    Returns:
      What went wrong, in a sentence; empty where it was taken.
    """
    request = urllib.request.Request(  # noqa: S310 (whoever asks has checked that it is http or https)
        question["url"], question["body"].encode(), question["headers"], method="POST"
    )
    opener = urllib.request.build_opener(_NoRedirects)
    try:
        # The status alone tells whether it was taken; what the answer says is of no use.
        with opener.open(request, timeout=question["timeout_s"]):
            return ""
    except urllib.error.HTTPError as error:
        return f"The webhook answered {error.code} {error.msg}."
    except Exception as error:
        reason = getattr(error, "reason", None) or type(error).__name__
        return f"The webhook could not be reached: {reason}."


if __name__ == "__main__":
    sys.exit(post(json.load(sys.stdin)) or 0)
