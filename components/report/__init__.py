"""The report of a run: an HTML page, a model card, and an index of all runs."""
