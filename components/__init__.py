"""The steps of the pipeline, one folder each.

In each folder: ``config.py`` (the settings), rooms with the logic, and the door to TFX:
``component.py``, and ``executor.py`` where Beam is needed.
"""
