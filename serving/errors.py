"""The errors of serving.

    ServingError              exit code 1
    ├── UserError             what was given cannot be used; exit code 2
    ├── ServerError           the server did not start, or died
    ├── DisagreementError     two versions differ by more than is allowed; exit code 3
    └── RequestError          a prediction could not be had; attribute ``url``
        ├── UnreachableError  nobody answers there, or the connection broke
        ├── NoAnswerError     no answer in time
        ├── UnavailableError  the server cannot answer now (429, 503)
        ├── NotServedError    the server has no such model or version (404)
        ├── RefusedError      the server refuses the request (other 4xx)
        │   └── TooLargeError it, or its answer, is too large (413): fewer images may pass
        └── FaultError        the server failed (5xx), or its answer makes no sense

The first three request errors pass: the client tries again.
"""


class ServingError(Exception):
    """Serving cannot go on."""

    exit_code = 1


class UserError(ServingError):
    """What the user gave cannot be used."""

    exit_code = 2


class ServerError(ServingError):
    """The server did not start, or died."""


class DisagreementError(ServingError):
    """Two versions answer the same images differently, and more often than is allowed."""

    exit_code = 3


class RequestError(ServingError):
    """A prediction could not be had.

    Args:
      message: what is wrong.
      url: what was asked.
      retry_after_s: how long the server asks to wait, where it does.
    """

    retryable = False

    def __init__(self, message: str, url: str, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.url = url
        self.retry_after_s = retry_after_s


class UnreachableError(RequestError):
    """Nobody answers there, or the connection broke."""

    retryable = True


class NoAnswerError(RequestError):
    """No answer in time."""

    retryable = True


class UnavailableError(RequestError):
    """The server cannot answer now: it has too much to do, or a worker of it died."""

    retryable = True


class NotServedError(RequestError):
    """The server has no such model or version."""


class RefusedError(RequestError):
    """The server refuses the request."""


class TooLargeError(RefusedError):
    """The request or its answer is too large; with fewer images it may pass."""


class FaultError(RequestError):
    """The server failed, or its answer makes no sense."""
