"""Requests to a model: over the Open Inference Protocol, or in this process."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from serving.client.client import Client, Retries

__all__ = ["Client", "Retries"]


def __getattr__(name: str) -> Any:
    """Imports the client when it is asked for: what it needs imports other modules of this package."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from serving.client import client

    return getattr(client, name)
