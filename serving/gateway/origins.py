"""Checks a request's host and origin: protects against web pages of other sites.

A malicious page in the browser of anyone who can reach the server can send requests to it. Two
rules block it:

* Host. An attacker's name may resolve to this machine's address (DNS rebinding); the browser then
  treats the page as the server's own. So only requests to the server's own names are answered.
* Origin and Sec-Fetch-Site. Browsers state the origin of a page's request. A request that changes
  something or runs the model must come from the server's own page, or from no page at all.

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
# Sec-Fetch-Site of requests from the server's own pages, and of an address that a person typed.
_OWN_SITES = ("same-origin", "none")


class Hosts:
    """The host names that a server answers to.

    They always include the names of loopback and the address that the server listens on. If that is
    the unspecified address, they include every IP address, since an attacker cannot rebind one, and
    the machine's own name.

    Args:
      host: the address that the server listens on.
      allowed: further names of this server, and hosts whose pages may send requests; ``*``: all
        names are the server's, and only its own pages may send requests.
    """

    def __init__(self, host: str, allowed: Sequence[str] = ()) -> None:
        self._any = ANY in allowed
        self._allowed = {_plain(name) for name in allowed}
        self._names = {"localhost", _plain(host), *self._allowed}
        self._addresses = _is_all(host)
        if self._addresses:
            self._names.add(_plain(socket.gethostname()))

    def refusal(self, method: str, hosts: Sequence[str], headers: Mapping[str, str]) -> str | None:
        """Returns why a request is refused, in a sentence; None if it is accepted.

        Args:
          method: such as POST.
          hosts: all its Host headers.
          headers: all its headers; names are case-insensitive.
        """
        if len(hosts) != 1 or not self._knows(hosts[0]):
            named = hosts[0][:200] if len(hosts) == 1 else f"{len(hosts)} hosts"
            return (
                f"{named!r} is not a host name of this server; `serve --allowed-hosts` adds names."
            )
        if method in _SAFE_METHODS:
            return None
        origin = headers.get("Origin")
        if origin is not None and self._is_allowed(origin):
            return None
        site = headers.get("Sec-Fetch-Site", "none")
        if site not in _OWN_SITES or not (origin is None or _netloc(origin) == hosts[0].lower()):
            return "Web pages of other origins may not send requests to this server."
        return None

    def _knows(self, host: str) -> bool:
        """Returns whether a Host header names this server; any port is accepted, as of a tunnel."""
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
    """Parses comma-separated host names.

    Raises:
      errors.UserError: one is not a host name.
    """
    names = tuple(name.strip() for name in text.split(",") if name.strip())
    for name in names:
        if name != ANY and not _NAME.fullmatch(name) and _address(name.strip("[]")) is None:
            raise errors.UserError(
                f"--allowed-hosts has {name!r}; allowed are names and IP addresses without scheme"
                f" and port, separated by commas, or {ANY} for all."
            )
    return names


def _hostname(url: str) -> str | None:
    try:
        parts = urllib.parse.urlsplit(url)
        _ = parts.port  # raises if it is not a port
    except ValueError:
        return None
    return None if parts.path or "@" in parts.netloc else parts.hostname


def _netloc(url: str) -> str:
    try:
        return urllib.parse.urlsplit(url).netloc.lower()
    except ValueError:
        return ""


def _plain(name: str) -> str:
    """Normalises a host name or an address: ``[::1]`` and ``0:0:0:0:0:0:0:1`` become equal."""
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
