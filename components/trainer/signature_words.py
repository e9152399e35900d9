"""The inputs and outputs of a served model's signatures in words, for its contract.

Dimension letters: B batch, F features.
"""

from typing import Any

from components.preprocess import materialise
from data.examples import example
from tasks import task

IMAGE_INPUTS = {"image_bytes": "string [B], JPEG, PNG, GIF or BMP"}
VALIDITY = {
    "valid": "bool [B], false where the image is refused",
    "invalid_reason": "string [B], a code of invalid_reasons; empty where valid is true",
}


def described(spec: materialise.Spec, embedding_size: int) -> dict[str, Any]:
    """Returns the inputs and outputs of every signature, in words."""
    signatures, own = task.load(spec.task).signatures, task.load(spec.task).own_signatures
    answer = {
        **signatures.described(spec.labels),
        **VALIDITY,
        "outlier_score": "float32 [B], in 0–2, higher the less like the training images",
        "outlier": "bool [B], outlier_score > outlier_threshold; false where valid is false",
    }
    common = {
        "serving_default": {"inputs": IMAGE_INPUTS, "outputs": answer},
        "serve_examples": {
            "inputs": {"examples": f"string [B], tf.Example with {example.ENCODED}"},
            "outputs": {
                **answer,
                **signatures.examined_described(),
                "embedding": f"float32 [B, {embedding_size}], zeros where valid is false",
            },
        },
        "embed": {
            "inputs": IMAGE_INPUTS,
            "outputs": {"embedding": f"float32 [B, {embedding_size}]", **VALIDITY},
        },
    }
    if signatures.explains:
        common["explain"] = {"inputs": IMAGE_INPUTS, "outputs": _explained(spec)}
    outputs = {name: one["outputs"] for name, one in common.items()}
    own_described = {
        name: {"inputs": {**IMAGE_INPUTS, **one.inputs}, "outputs": dict(one.outputs(outputs))}
        for name, one in own.items()
    }
    return {**common, **own_described}


def _explained(spec: materialise.Spec) -> dict[str, str]:
    return {
        "heatmap": f"float32 [B, {spec.size_px}, {spec.size_px}], in 0–1, the evidence"
        " for label at each pixel; zeros where valid is false",
        **task.load(spec.task).signatures.explained_described(),
        **VALIDITY,
    }
