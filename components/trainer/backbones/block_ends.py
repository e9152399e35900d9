"""Names of the layers that end a block in networks of keras.applications, from the bottom up.

A network is frozen or unfrozen between blocks only, so all paths from its input to its output
pass through each of these layers; a test checks that on the built networks. The names are known
without building a network.
"""


def mobilenet_v2() -> tuple[str, ...]:
    """Lists the stem, the 17 inverted residuals and the last convolution."""
    changing = {1, 3, 6, 10, 13, 16}  # blocks that halve the map or change the channels
    ends = [f"block_{i}_{'project_BN' if i in changing else 'add'}" for i in range(1, 17)]
    return ("Conv1_relu", "expanded_conv_project_BN", *ends, "out_relu")


def mobilenet_v3(changing: set[int], blocks: int, last: str) -> tuple[str, ...]:
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


def efficientnet(repeats: tuple[int, ...], first: str = "block1a_project_bn") -> tuple[str, ...]:
    """Lists the stem, the (fused) inverted residuals and the last convolution.

    Args:
      repeats: number of blocks of each stage; the first of a stage has no shortcut.
      first: name of the layer that ends the first block.
    """
    ends = [
        f"block{stage}{chr(ord('a') + index)}_{'add' if index else 'project_bn'}"
        for stage, count in enumerate(repeats, start=1)
        for index in range(count)
    ]
    return ("stem_activation", first, *ends[1:], "top_activation")


def resnet(repeats: tuple[int, ...]) -> tuple[str, ...]:
    """Lists the stem and the residual blocks."""
    ends = [
        f"conv{stage}_block{index}_out"
        for stage, count in enumerate(repeats, start=2)
        for index in range(1, count + 1)
    ]
    return ("pool1_pool", *ends)


def densenet(repeats: tuple[int, ...]) -> tuple[str, ...]:
    """Lists the stem, each dense layer (all later ones read its concatenation) and transitions.

    A block here is a dense layer, not a whole dense block: four steps would be too coarse for
    choosing how much of the network trains.
    """
    ends = ["pool1"]
    for stage, count in enumerate(repeats, start=2):
        ends += [f"conv{stage}_block{index}_concat" for index in range(1, count + 1)]
        ends.append(f"pool{stage}_pool")
    # The final BatchNorm and ReLU replace the last transition and the last concatenation.
    return (*ends[:-2], "relu")


def convnext(blocks: int) -> tuple[str, ...]:
    """Lists the stem and the residual blocks; downsampling belongs to the block after it."""
    ends = ["add", *(f"add_{index}" for index in range(1, blocks))]
    # The normalisation that follows the last shortcut replaces it.
    return ("convnext_tiny_stem", *ends[:-1], "layer_normalization")
