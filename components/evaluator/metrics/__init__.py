"""The metrics. Each module here is found by ``registry.py`` and needs no other mention in the code."""
