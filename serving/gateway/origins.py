"""Whom a request is for, and from which web page it comes: a browser on this machine is no friend.

A page of a stranger, open in the browser of somebody who can reach the server, can send it requests.
Two rules keep it out:

* Host. A stranger's name may lead to this machine's address (DNS rebinding); the page then counts as
  the server's own. So only names are answered that the server is known by.
* Origin and Sec-Fetch-Site. Browsers say from where a page's request comes. What changes something
  or asks the model must come from the server's own page, or from no page at all.

Sources: Fetch Metadata Request Headers (W3C); RFC 9110, section 7.2; RFC 6454, section 7.
"""

import ipaddress
import re
import socket
import urllib.parse
from collections.abc import Mapping, Sequence

from serving import errors

ANY = "*"
_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?\.?")
_SAFE_METHODS = ("GET", "HEAD")
# What a browser says of its own server's pages, and of what a person typed.
_OWN_SITES = ("same-origin", "none")


class Hosts:
    """The names that a server answers to.

    Loopback's are always among them, and the address that it listens on. Where that is all of the
    machine's, every IP address is, for a stranger cannot make one lead elsewhere, and the machine's
    own name.

    Args:
      host: the address that it listens on.
      allowed: further names, of this server and of those whose pages may ask it; ``*``: it is known
        by all names, and its own pages alone may ask.
    """

    def __init__(self, host: str, allowed: Sequence[str] = ()) -> None:
        self._any = ANY in allowed
        self._allowed = {_plain(name) for name in allowed}
        self._names = {"localhost", _plain(host), *self._allowed}
        self._addresses = _is_all(host)
        if self._addresses:
            self._names.add(_plain(socket.gethostname()))

    def refusal(self, method: str, hosts: Sequence[str], headers: Mapping[str, str]) -> str | None:
        """Says why a request is not answered, in a sentence; None where it is.

        Args:
          method: such as POST.
          hosts: all Host headers that it has.
          headers: all that it has, whatever the case of their names.
        """
        if len(hosts) != 1 or not self._knows(hosts[0]):
            named = hosts[0][:200] if len(hosts) == 1 else f"{len(hosts)} hosts"
            return (
                f"This server is not known as {named!r}; `serve --allowed-hosts` names what it is"
                " known as."
            )
        if method in _SAFE_METHODS:
            return None
        origin = headers.get("Origin")
        if origin is not None and self._is_allowed(origin):
            return None
        site = headers.get("Sec-Fetch-Site", "none")
        if site not in _OWN_SITES or not (origin is None or _netloc(origin) == hosts[0].lower()):
            return "A web page of another origin may not ask this server."
        return None

    def _knows(self, host: str) -> bool:
        """Whether a Host header names this server; the port may be any, such as a tunnel's."""
        name = _hostname(f"//{host}")
        if name is None:
            return False
        address = _address(name)
        if address is not None and (address.is_loopback or self._addresses):
            return True
        return self._any or _plain(name) in self._names

    def _is_allowed(self, origin: str) -> bool:
        name = _hostname(origin)
        return name is not None and _plain(name) in self._allowed


def parse(text: str) -> tuple[str, ...]:
    """Reads names parted by commas.

    Raises:
      errors.UserError: one is no name of a host.
    """
    names = tuple(name.strip() for name in text.split(",") if name.strip())
    for name in names:
        if name != ANY and not _NAME.fullmatch(name) and _address(name.strip("[]")) is None:
            raise errors.UserError(
                f"--allowed-hosts has {name!r}; allowed are names and IP addresses without scheme"
                f" and port, parted by commas, or {ANY} for all."
            )
    return names


def _hostname(url: str) -> str | None:
    try:
        parts = urllib.parse.urlsplit(url)
        _ = parts.port  # raises where it is none
    except ValueError:
        return None
    return None if parts.path or "@" in parts.netloc else parts.hostname


def _netloc(url: str) -> str:
    try:
        return urllib.parse.urlsplit(url).netloc.lower()
    except ValueError:
        return ""


def _plain(name: str) -> str:
    """A name or an address as it is compared: of ``[::1]`` and ``0:0:0:0:0:0:0:1`` there is one."""
    address = _address(name.strip("[]"))
    return name.lower().rstrip(".") if address is None else str(address)


def _address(name: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(name)
    except ValueError:
        return None


def _is_all(host: str) -> bool:
    address = _address(host)
    return address is not None and address.is_unspecified
