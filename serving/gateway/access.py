"""An optional bearer token: who may ask the REST door.

The token lies in a file, so that neither a process list nor a shell's history has it, and it is
shown nowhere: not in errors, logs or representations. Form: RFC 6750, section 2.1, which is
also what the front door in serving/manifests takes.
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
      value: the secret itself, at least 16 characters.
      exposed: whether every user of the machine can read its file.
    """

    value: str = field(repr=False)
    exposed: bool = False

    def headers(self) -> dict[str, str]:
        """What a request is sent with, such as by ``client.Client(url, headers=…)``."""
        return {"Authorization": f"Bearer {self.value}"}

    def admits(self, authorization: str | None) -> bool:
        """Whether a request with this Authorization header, or with none, may pass.

        The time it takes does not depend on how much of the token was guessed.
        """
        scheme, _, given = (authorization or "").partition(" ")
        expected = self.value.encode()
        same = hmac.compare_digest(given.strip().encode("utf-8", "surrogateescape"), expected)
        return same and scheme.lower() == "bearer"


def read(path: Path) -> Token:
    """Reads the token in a file, or in a pipe; white space around it does not count.

    Raises:
      errors.UserError: the file cannot be read, or holds no token.
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
        problems.append("holds more than letters, digits and -._~+/, with = at the end alone")
    if problems:
        raise errors.UserError(
            f"--token-file {path} {'; it '.join(problems)}. `openssl rand -hex 32` makes a token."
        )
    return Token(value, bool(mode & stat.S_IROTH))
