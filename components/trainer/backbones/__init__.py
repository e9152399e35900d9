"""Backbones: builders, weights and registry."""
