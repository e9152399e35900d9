"""The metrics of a search, each in a module of its own with a ``MEASUREMENT``."""
