"""The metrics. ``registry.py`` finds each module here; no other code has to name it."""
