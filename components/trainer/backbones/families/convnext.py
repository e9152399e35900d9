"""ConvNeXt of keras.applications."""

from components.trainer.backbones import applications, preprocessing


def _block_ends(blocks: int) -> tuple[str, ...]:
    """Lists the stem and the residual blocks; downsampling belongs to the block after it."""
    ends = ["add", *(f"add_{index}" for index in range(1, blocks))]
    # The normalisation that follows the last shortcut replaces it.
    return ("convnext_tiny_stem", *ends[:-1], "layer_normalization")


BACKBONES = {
    "convnext_tiny": applications.make(
        "ConvNeXtTiny",
        preprocessing.TORCH,
        _block_ends(blocks=18),
        parameters=27_820_128,
        licence="MIT",
    ),
}
