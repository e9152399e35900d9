"""The backbones: their builders, weights and registry."""
