"""The backbones. ``registry.py`` finds each module here; no other code has to name it.

A module has a dictionary BACKBONES: name → ``backbone.Backbone``. It imports Keras only inside
its functions, since the settings read the names at once.
"""
