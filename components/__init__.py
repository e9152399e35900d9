"""The steps of the pipeline, one folder each.

In each folder: ``config.py`` (the settings), modules with the core logic, and the adapters to TFX:
``component.py``, and ``executor.py`` where Beam is needed.
"""
