"""The release gate: whether a model may take the place of the one in serving."""
