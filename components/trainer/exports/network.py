"""Writes the network of a served model, pixels → head outputs, as ONNX beside its SavedModel.

``python -m serving serve`` may run it in ONNX Runtime, which needs less time for it on a CPU than TensorFlow;
the rest of the SavedModel stays as it is. The contract has the file's digest. Dimension letters: B batch,
S side in pixels, F features.
"""

import hashlib
import importlib.util
import logging
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from components.trainer.exports.formats import onnx
from components.trainer.network import model

# Beside saved_model.pb; serving/triton/onnx_file.py reads it.
FILE = Path("assets.extra") / "network" / "network.onnx"
CONVERTER, EXTRA = "tf2onnx", "onnx"


@dataclass(frozen=True)
class Network:
    """The entry ``network`` of contract.json.

    Attributes:
      sha256: digest of the file, in hex.
      size_bytes: its size.
      compared: the output of ``serving_default`` that a server compares when it tests the file.
      absent: why there is no file, and then the others are empty; else empty.
    """

    sha256: str = ""
    size_bytes: int = 0
    compared: str = ""
    absent: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Returns the entry."""
        return asdict(self)


NOT_ASKED = Network(absent="it was not asked for")


def write(classifier: keras.Model, path: Path, compared: str) -> Network:
    """Writes the network, uint8 pixels [B, S, S, 3] → ``embedding`` [B, F] and ``outputs`` [B, …].

    Args:
      classifier: pixels [B, S, S, 3] in 0–255 → outputs float32 [B, …] of its head.
      path: the file.
      compared: see :class:`Network`.

    Returns:
      Its entry in the contract. A network that cannot be converted, or no converter, is no error: TensorFlow
      serves the model then, and the entry says why.
    """
    if importlib.util.find_spec(CONVERTER) is None:
        return _absent(f"{CONVERTER}, of the extra [{EXTRA}], was not installed")
    import onnx as onnx_files  # extras
    import tf2onnx

    embedding = classifier.get_layer(model.EMBEDDING_LAYER).output
    both = keras.Model(classifier.input, {"embedding": embedding, "outputs": classifier.output})
    pixels = tf.TensorSpec([None, *classifier.input.shape[1:]], tf.uint8, name="pixels")

    @tf.function(input_signature=[pixels], autograph=False)
    def network(pixels: tf.Tensor) -> dict[str, tf.Tensor]:
        return both(tf.cast(pixels, tf.float32), training=False)  # type: ignore[no-any-return]

    level = logging.getLogger(CONVERTER).level
    try:
        logging.getLogger(CONVERTER).setLevel(logging.CRITICAL)
        tf2onnx.convert.from_function(
            network, input_signature=[pixels], opset=onnx.OPSET, output_path=str(path)
        )
        # What the converter does not know it logs, and writes as an operator that there is not.
        onnx_files.checker.check_model(str(path))
    except Exception as error:  # whatever a converter may raise on a layer that it does not know
        path.unlink(missing_ok=True)
        return _absent(f"the network cannot be converted ({type(error).__name__}: {error})"[:300])
    finally:
        logging.getLogger(CONVERTER).setLevel(level)
    content = path.read_bytes()
    return Network(hashlib.sha256(content).hexdigest(), len(content), compared)


def is_present(contract: Mapping[str, Any]) -> bool:
    """Returns whether a contract names a network for ONNX Runtime, damaged or not."""
    entry = contract.get("network")
    return isinstance(entry, dict) and not entry.get("absent")


def _absent(reason: str) -> Network:
    logging.warning("TensorFlow will serve the model, not ONNX Runtime: %s", reason)
    return Network(absent=reason)
