"""Engines of the Beam steps."""
