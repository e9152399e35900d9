"""Recorded images, and two versions compared on them."""
