"""From maps of a backbone at several strides to a class for each pixel."""
