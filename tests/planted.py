"""Faults in the ONNX file of a version, which nothing but its answers gives away."""

import hashlib
import json
from pathlib import Path

import numpy as np

from components.trainer.exports import network


def fault(version: Path, by: float = 0.01) -> None:
    """Changes the last weights of the network and writes the digest of the changed file into the contract."""
    import onnx
    from onnx import numpy_helper

    path, contract = version / network.FILE, version / "assets" / "contract.json"
    model = onnx.load(path)
    weights = [one for one in model.graph.initializer if one.data_type == onnx.TensorProto.FLOAT]
    last = next(one for one in reversed(weights) if len(one.dims) > 1)
    changed = numpy_helper.to_array(last) + np.float32(by)
    changed[0, 0] += 10 * by
    last.CopyFrom(numpy_helper.from_array(changed, last.name))
    content = model.SerializeToString()
    path.write_bytes(content)
    described = json.loads(contract.read_text())
    entry = {"sha256": hashlib.sha256(content).hexdigest(), "size_bytes": len(content)}
    contract.write_text(json.dumps({**described, "network": {**described["network"], **entry}}))
