"""File descriptors: every connection needs one, and a process without a free one fails."""

import dataclasses
import resource

from serving import errors
from serving.gateway import bounds

# In addition to connections: the log, libraries, the model's folder, pipes to children.
_OTHERS = 128
_FEWEST_CONNECTIONS = 16


def reserve(limits: bounds.Limits) -> tuple[bounds.Limits, str]:
    """Raises this process's soft limit to the hard one and lowers the connections to fit.

    Args:
      limits: the requested limits. A request that waits needs a second descriptor, to Triton.

    Returns:
      The limits with as many connections as fit, and a warning; an empty one if all fit.

    Raises:
      errors.UserError: fewer than 16 connections fit.
    """
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    if hard == resource.RLIM_INFINITY or _needed(limits) <= hard:
        return limits, ""
    wanted = limits.max_connections
    while _needed(limits) > hard and limits.max_connections > 0:
        limits = dataclasses.replace(limits, max_connections=limits.max_connections - 1)
    if limits.max_connections < _FEWEST_CONNECTIONS:
        raise errors.UserError(
            f"This process may have {hard} file descriptors (`ulimit -Hn`); at least"
            f" {_needed(dataclasses.replace(limits, max_connections=_FEWEST_CONNECTIONS))} are needed."
        )
    return limits, (
        f"{limits.max_connections} connections are accepted, not {wanted}: this process may have"
        f" {hard} file descriptors (`ulimit -Hn`)."
    )


def _needed(limits: bounds.Limits) -> int:
    return limits.most_connections + limits.max_waiting + _OTHERS
