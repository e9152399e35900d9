"""Error responses of the gateway, raised as exceptions."""

from collections.abc import Mapping

from serving.gateway import bounds
from serving.triton import failures


class HttpError(Exception):
    """A response other than 200.

    Args:
      status: the HTTP status.
      message: for the client.
      headers: in addition to those of every response.
      failure: what failed in Triton; None: the response is not Triton's.
    """

    def __init__(
        self,
        status: int,
        message: str,
        headers: Mapping[str, str] | None = None,
        failure: failures.Failure | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.failure = failure
        self.headers = dict(headers or {})


def exceeded(bound: str, message: str, headers: Mapping[str, str] | None = None) -> HttpError:
    """Returns the response to a request that exceeds a bound.

    Args:
      bound: its name in ``bounds.STATUSES``.
      message: for the client; states what is allowed.
      headers: as of :class:`HttpError`.
    """
    return HttpError(bounds.STATUSES[bound], message, headers)
