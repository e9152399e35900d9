"""The names of the registered backbones, known without importing Keras."""

BACKBONES = ("efficientnet_lite0",)
