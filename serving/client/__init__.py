"""Asking a model: over the Open Inference Protocol, or in this process."""

from serving.client.client import Client, Retries

__all__ = ["Client", "Retries"]
