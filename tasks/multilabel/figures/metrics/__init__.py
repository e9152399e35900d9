"""The metrics. ``registry.Registry`` finds each module here; no other code has to name it."""
