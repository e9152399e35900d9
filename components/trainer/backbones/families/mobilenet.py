"""MobileNetV2 and V3 of keras.applications."""

from components.trainer.backbones import applications, preprocessing


def _v2_block_ends() -> tuple[str, ...]:
    """Lists the stem, the 17 inverted residuals and the last convolution."""
    changing = {1, 3, 6, 10, 13, 16}  # blocks that halve the map or change the channels
    ends = [f"block_{i}_{'project_BN' if i in changing else 'add'}" for i in range(1, 17)]
    return ("Conv1_relu", "expanded_conv_project_BN", *ends, "out_relu")


def _v3_block_ends(changing: set[int], blocks: int, last: str) -> tuple[str, ...]:
    """Lists the stem, the inverted residuals and the last convolution.

    Args:
      changing: indices of the blocks that halve the map or change the channels and so have no
        shortcut.
      blocks: number of blocks.
      last: name of the last layer of the backbone.
    """
    prefixes = ["expanded_conv_", *(f"expanded_conv_{i}_" for i in range(1, blocks))]
    ends = [
        f"{prefix}{'project_bn' if index in changing else 'add'}"
        for index, prefix in enumerate(prefixes)
    ]
    return ("activation", *ends, last)


BACKBONES = {
    "mobilenet_v2": applications.make(
        "MobileNetV2",
        preprocessing.TF,
        _v2_block_ends(),
        parameters=2_257_984,
    ),
    "mobilenet_v3_large": applications.make(
        "MobileNetV3Large",
        preprocessing.TF,
        _v3_block_ends({1, 3, 6, 10, 12}, blocks=15, last="activation_19"),
        parameters=2_996_352,
    ),
    "mobilenet_v3_small": applications.make(
        "MobileNetV3Small",
        preprocessing.TF,
        _v3_block_ends({0, 1, 3, 6, 8}, blocks=11, last="activation_17"),
        parameters=939_120,
    ),
}
