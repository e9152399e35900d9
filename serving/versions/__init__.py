"""The versions of a model on disk, and which of them a running server serves."""
