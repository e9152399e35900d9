"""Makes the pixels that the network sees, each image in the quickest way that has the same result.

Plain images go to a smaller graph, see plain_image.py; of those whose colour profile must be applied, decoding and
resizing are the SavedModel's and only the profile's tables are applied here, see colour_profiles.py. All others,
and damaged ones, go to the complete graph. This file is copied next to model.py in Triton's folder.
Dimension letters: B batch, H, W height and width, S side in pixels.
"""

import concurrent.futures
from typing import Any

import colour_profiles  # lies beside this file, as do the next two
import numpy as np
import onnx_file
import plain_image
import tensorflow as tf

_ANY, _PLAIN, _COLOURS, _DECODED, _RESIZED = (
    "stage_pixels",
    "stage_plain_pixels",
    "stage_colours",
    "stage_decoded",
    "stage_resized",
)
# Pixels uint8 [B, S, S, 3], refusals [B], and sizes int32 [B, 2].
Pixels = tuple[np.ndarray, np.ndarray, np.ndarray]


class ImagePixels:
    """Decodes, converts and resizes images.

    Args:
      loaded: the SavedModel.
      threads: how many images are converted by their colour profiles at once.

    Raises:
      onnx_file.UnusableError: the SavedModel has no stages.
    """

    def __init__(self, loaded: Any, threads: int) -> None:
        stages = [stage(loaded, name) for name in (_ANY, _PLAIN, _COLOURS, _DECODED, _RESIZED)]
        self._any, self._plain, self._colours, self._decoded, self._resized = stages
        self._memory = colour_profiles.Memory(self._ask)
        self._pool = concurrent.futures.ThreadPoolExecutor(threads)

    def of(self, encoded: np.ndarray) -> Pixels:
        """Returns the pixels, refusals and sizes of B byte strings, an array of objects [B]."""
        colours = [self.colours(plain_image.examine(image), image) for image in encoded]
        # Begun first: one of them takes as long as several plain images.
        pending = [
            (index, self._pool.submit(self._converted, encoded[index], one.tables))
            for index, one in enumerate(colours)
            if one is not None and one.tables is not None
        ]
        parts: list[tuple[np.ndarray, Pixels]] = []
        places = [index for index, one in enumerate(colours) if one == colour_profiles.Colours()]
        if places:
            parts.append((np.array(places), self._of_plain(encoded[places])))
        others = [index for index, one in enumerate(colours) if one is None]
        for index, converted in pending:
            try:
                parts.append((np.array([index]), converted.result()))
            except tf.errors.OpError:  # it is damaged: the complete graph says so
                others.append(index)
        if others:
            parts.append((np.array(others), self.of_any(encoded[others])))
        if len(parts) == 1 and len(parts[0][0]) == len(encoded) and not pending:
            return parts[0][1]
        return _joined(parts)

    def of_any(self, encoded: np.ndarray) -> Pixels:
        """Does the same by the complete graph alone."""
        found = self._any(image_bytes=tf.constant(encoded))
        return found["pixels"].numpy(), found["refused"].numpy(), found["sizes"].numpy()

    def side(self) -> int:
        """Returns S."""
        return int(self._any.structured_outputs["pixels"].shape[1])

    def colours(
        self, plain: plain_image.Plain | None, encoded: bytes
    ) -> colour_profiles.Colours | None:
        """Returns what is done to the pixels of a plain image; None if only the complete graph may read it.

        Args:
          plain: what is known of it; None: it is not plain.
          encoded: the file.
        """
        if plain is None:
            return None
        return self._memory.colours(plain.profile, plain.channels, encoded)

    def _ask(self, encoded: bytes) -> colour_profiles.Colours | None:
        found = {
            name: value.numpy() for name, value in self._colours(image=tf.constant(encoded)).items()
        }
        outcome = int(found.pop("outcome"))
        if outcome == colour_profiles.CONVERTED:
            return colour_profiles.Colours(colour_profiles.tables(**found))
        return colour_profiles.Colours() if outcome == colour_profiles.UNCHANGED else None

    def _of_plain(self, encoded: np.ndarray) -> Pixels:
        try:
            found = self._plain(image_bytes=tf.constant(encoded))
        except tf.errors.OpError:  # one is damaged: the complete graph says which
            return self.of_any(encoded)
        return found["pixels"].numpy(), _none_refused(len(encoded)), found["sizes"].numpy()

    def _converted(self, encoded: bytes, tables: colour_profiles.Tables) -> Pixels:
        pixels = tables.convert(self._decoded(image=tf.constant(encoded))["pixels"].numpy())
        resized = self._resized(pixels=tf.constant(pixels))["pixels"].numpy()
        return resized[None], _none_refused(1), np.array([pixels.shape[:2]], np.int32)


def stage(loaded: Any, name: str) -> Any:
    """Returns a function of a SavedModel.

    Raises:
      onnx_file.UnusableError: there is none of that name.
    """
    functions: Any = getattr(getattr(loaded, name, None), "concrete_functions", ())
    if len(functions) != 1:
        raise onnx_file.UnusableError(f"the SavedModel has no function {name}")
    return functions[0]


def _none_refused(count: int) -> np.ndarray:
    return np.full(count, b"", object)


def _joined(parts: list[tuple[np.ndarray, Pixels]]) -> Pixels:
    """Puts parts, each with the places of its images, in the order of the places."""
    order = np.argsort(np.concatenate([places for places, _ in parts]))
    columns = zip(*(pixels for _, pixels in parts), strict=True)
    pixels, refused, sizes = (np.concatenate(column)[order] for column in columns)
    return pixels, refused, sizes
