"""Changes of pixels. ``registry.py`` finds each module's CHANGE here; no other code names it."""
