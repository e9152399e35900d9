"""EfficientNet and EfficientNetV2 of keras.applications."""

from components.trainer.backbones import applications, preprocessing


def _block_ends(repeats: tuple[int, ...], first: str = "block1a_project_bn") -> tuple[str, ...]:
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


BACKBONES = {
    "efficientnet_b0": applications.make(
        "EfficientNetB0",
        preprocessing.TORCH,
        _block_ends((1, 2, 2, 3, 3, 4, 1)),
        parameters=4_049_564,
    ),
    "efficientnet_b4": applications.make(
        "EfficientNetB4",
        preprocessing.TORCH,
        _block_ends((2, 4, 4, 6, 6, 8, 2)),
        parameters=17_673_816,
        default_size_px=380,
    ),
    "efficientnet_v2_b0": applications.make(
        "EfficientNetV2B0",
        preprocessing.TORCH,
        _block_ends((1, 2, 2, 3, 5, 8), first="block1a_project_activation"),
        parameters=5_919_312,
    ),
}
