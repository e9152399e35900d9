"""ResNet of keras.applications."""

from components.trainer.backbones import applications, preprocessing


def _block_ends(repeats: tuple[int, ...]) -> tuple[str, ...]:
    """Lists the stem and the residual blocks."""
    ends = [
        f"conv{stage}_block{index}_out"
        for stage, count in enumerate(repeats, start=2)
        for index in range(1, count + 1)
    ]
    return ("pool1_pool", *ends)


BACKBONES = {
    "resnet50": applications.make(
        "ResNet50",
        preprocessing.CAFFE,
        _block_ends((3, 4, 6, 3)),
        parameters=23_587_712,
        licence="MIT",
    ),
}
