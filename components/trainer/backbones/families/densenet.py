"""DenseNet of keras.applications."""

from components.trainer.backbones import applications, preprocessing


def _block_ends(repeats: tuple[int, ...]) -> tuple[str, ...]:
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


BACKBONES = {
    "densenet121": applications.make(
        "DenseNet121",
        preprocessing.TORCH,
        _block_ends((6, 12, 24, 16)),
        parameters=7_037_504,
        licence="BSD-3-Clause",
    ),
}
