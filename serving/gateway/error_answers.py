"""Answers of the gateway other than 200."""

from collections.abc import Mapping

from serving.gateway import bounds
from serving.triton import failures


class Answered(Exception):  # noqa: N818
    """An answer other than 200.

    Args:
      status: of HTTP.
      message: for the client.
      headers: beside those that every answer has.
      failure: what Triton failed at, where the answer comes from there.
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


def exceeded(bound: str, message: str, headers: Mapping[str, str] | None = None) -> Answered:
    """The answer to a request that exceeds a bound.

    Args:
      bound: its name in ``bounds.STATUSES``.
      message: for the client; says what is allowed.
      headers: as of :class:`Answered`.
    """
    return Answered(bounds.STATUSES[bound], message, headers)
