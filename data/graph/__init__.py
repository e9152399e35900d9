"""Decoding inside a TensorFlow graph, to the same pixels as on the CPU."""
