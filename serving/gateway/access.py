"""An optional bearer token that requests to the gateway must carry.

The token is read from a file, so that it appears in no process list and no shell history, and it
is never printed: not in errors, logs or representations. Syntax: RFC 6750, section 2.1, which the
reverse proxy in serving/manifests accepts too.
"""

import hmac
import re
import stat
from dataclasses import dataclass, field
from pathlib import Path

from serving import errors, files

SHORTEST = 16
_LONGEST_BYTES = 4096
_FORM = re.compile(r"[A-Za-z0-9._~+/-]+=*")


@dataclass(frozen=True)
class Token:
    """A bearer token.

    Attributes:
      value: the secret, at least 16 characters.
      exposed: whether every user of the machine can read its file.
    """

    value: str = field(repr=False)
    exposed: bool = False

    def headers(self) -> dict[str, str]:
        """Returns the headers to send, for example by ``client.Client(url, headers=…)``."""
        return {"Authorization": f"Bearer {self.value}"}

    def admits(self, authorization: str | None) -> bool:
        """Returns whether an Authorization header, or its absence, is accepted.

        The comparison takes constant time, so it does not reveal how much of a guess is right.
        """
        scheme, _, given = (authorization or "").partition(" ")
        expected = self.value.encode()
        same = hmac.compare_digest(given.strip().encode("utf-8", "surrogateescape"), expected)
        return same and scheme.lower() == "bearer"


def read(path: Path) -> Token:
    """Reads the token from a file or a pipe and strips surrounding white space.

    Raises:
      errors.UserError: the file cannot be read, or does not hold a valid token.
    """
    try:
        content, mode = files.read_secret(path, _LONGEST_BYTES + 1)
    except OSError as error:
        raise errors.UserError(f"--token-file {path} cannot be read: {error.strerror}.") from error
    value = content.decode("utf-8", "replace").strip()
    problems = []
    if len(value) < SHORTEST:
        problems.append(f"has {len(value)} characters; at least {SHORTEST} are needed")
    if len(content) > _LONGEST_BYTES:
        problems.append(f"is larger than {_LONGEST_BYTES} bytes")
    if value and not _FORM.fullmatch(value):
        problems.append("has characters other than letters, digits and -._~+/ (= only at the end)")
    if problems:
        raise errors.UserError(
            f"--token-file {path} {'; it '.join(problems)}. `openssl rand -hex 32` makes a token."
        )
    return Token(value, bool(mode & stat.S_IROTH))
