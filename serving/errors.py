"""The exceptions of serving.

    ServingError              exit code 1
    ├── UserError             an argument or a file cannot be used; exit code 2
    ├── ServerError           the server did not start, or died
    ├── DisagreementError     two versions differ by more than is allowed; exit code 3
    └── RequestError          a request failed; attribute ``url``
        ├── UnreachableError  no connection, or it broke
        ├── NoAnswerError     no response in time
        ├── UnavailableError  the server cannot answer now (429, 503)
        ├── NotServedError    the server has no such model or version (404)
        ├── RefusedError      the server refuses the request (other 4xx)
        │   └── TooLargeError the request or its response is too large (413): send fewer images
        └── FaultError        the server failed (5xx), or its response cannot be understood

The first three request errors are transient: the client retries them. The others are permanent.
"""


class ServingError(Exception):
    """Base class of the errors of serving."""

    exit_code = 1


class UserError(ServingError):
    """An argument or a file of the user cannot be used."""

    exit_code = 2


class ServerError(ServingError):
    """The server did not start, or died."""


class DisagreementError(ServingError):
    """Two versions disagree on more images than is allowed."""

    exit_code = 3


class RequestError(ServingError):
    """A request failed.

    Args:
      message: what is wrong.
      url: the request's URL.
      retry_after_s: the wait in seconds that the server requests; None: it requests none.
    """

    retryable = False

    def __init__(self, message: str, url: str, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.url = url
        self.retry_after_s = retry_after_s


class UnreachableError(RequestError):
    """No connection to the server, or it broke."""

    retryable = True


class NoAnswerError(RequestError):
    """No response in time."""

    retryable = True


class UnavailableError(RequestError):
    """The server cannot answer now: it is overloaded, or a worker died."""

    retryable = True


class NotServedError(RequestError):
    """The server has no such model or version."""


class RefusedError(RequestError):
    """The server refuses the request."""


class TooLargeError(RefusedError):
    """The request or its response is too large; fewer images may succeed."""


class FaultError(RequestError):
    """The server failed, or its response cannot be understood."""
