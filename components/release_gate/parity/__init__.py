"""Whether what is served is what was trained: parity images through every way to ask."""
