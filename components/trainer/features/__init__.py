"""Feature cache: the outputs of the frozen part of a backbone, computed once."""
