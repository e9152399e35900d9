"""Parity of the served model with the trained one: the parity images through every stage."""
