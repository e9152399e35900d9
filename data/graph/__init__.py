"""Bytes → pixels inside a TensorFlow graph, the same pixels as on the CPU."""
