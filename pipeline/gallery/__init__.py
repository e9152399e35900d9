"""Galleries of released models that search images: further images without a training."""
