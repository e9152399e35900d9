"""Exports the classifier as a SavedModel that takes bytes and never raises on a bad image.

Decoding, EXIF orientation, resizing and normalisation are inside the graph, by the same functions
that Preprocess used. The contract that a server needs is stored among the assets.

Dimension letters: B batch, F features, K classes.
"""

import json
import math
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from components.preprocess import materialise
from components.trainer import contract as contract_file
from components.trainer.backbones import registry
from components.trainer.calibration import calibration, outliers
from components.trainer.network import gradcam, model
from data.examples import example
from data.graph import decoding
from data.images import refusals

LABELS_FILE = "labels.txt"
KERAS_FILE = "model.keras"
CONTRACT_VERSION = 2  # 2: invalid_reason beside valid
NOT_FITTED = calibration.Calibration()
IMAGE_INPUTS = {"image_bytes": "string [B], JPEG, PNG, GIF or BMP"}
# Outputs that the signature "explain" returns beside the heat map.
EXPLAINED = ("label", "score", "valid", "invalid_reason")


class ServedModel(tf.Module):  # type: ignore[misc]
    """Exported object: the classifier, the label names, and the decoding of bytes to pixels.

    Of Keras only the variables are exported. A Keras model in the exported object would add its
    own graph and a second handle for each variable: checkpoints are restored to those, and a
    server that loads without Python, such as TensorFlow Serving, finds no values in the handles
    that the signatures read.
    """

    def __init__(
        self,
        classifier: keras.Model,
        spec: materialise.Spec,
        assets: list[Path],
        fitted: calibration.Calibration = NOT_FITTED,
        explained_layer: str | None = None,
    ) -> None:
        super().__init__()
        self.fitted = fitted
        embedding = classifier.get_layer(model.EMBEDDING_LAYER).output
        embedder = keras.Model(classifier.input, embedding)
        both = keras.Model(classifier.input, [embedding, classifier.output])
        # Functions, not models, so that tf.Module does not track them.
        self.embed: Any = lambda pixels: embedder(pixels, training=False)
        self.embed_and_classify: Any = lambda pixels: both(pixels, training=False)
        self.held = [variable.value for variable in classifier.variables]
        self.explainer = gradcam.Explainer(classifier, explained_layer)
        self.spec = spec
        self.label_names = tf.constant(spec.labels)
        self.assets = [tf.saved_model.Asset(str(path)) for path in assets]

    def pixels(self, encoded: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Decodes images string [B] to pixels float32 [B, S, S, 3] in 0–255, and refusals.

        The refusals, string [B], are codes of :mod:`data.images.refusals`, empty for valid images.
        """
        spec = self.spec
        pixels, refused = decoding.batch_pixels(encoded, spec.size_px, spec.resize, spec.reading)
        return tf.cast(pixels, tf.float32), refused

    def classify(self, encoded: tf.Tensor, with_embedding: bool = False) -> dict[str, tf.Tensor]:
        """Computes the outputs of ``serving_default`` for encoded images string [B].

        A bad image has ``valid`` false, a reason, probabilities and scores 0 and an empty label.

        Args:
          encoded: string [B].
          with_embedding: adds ``embedding``, float32 [B, F], from the same forward pass.
        """
        pixels, refused = self.pixels(encoded)
        valid = refused == ""
        embedding, logits = self.embed_and_classify(pixels)
        detector = self.fitted.detector
        outlier_scores = outliers.scores(embedding, detector.directions)
        more = {"embedding": tf.where(valid[:, None], embedding, 0.0)} if with_embedding else {}
        return {
            **self.answer(logits, refused),
            **more,
            "outlier_score": tf.where(valid, outlier_scores, 0.0),
            "outlier": valid & (outlier_scores > detector.threshold),
        }

    def answer(self, logits: tf.Tensor, refused: tf.Tensor) -> dict[str, tf.Tensor]:
        """Maps logits float32 [B, K] and refusals string [B] to all outputs but the outliers'."""
        valid = refused == ""
        probabilities = tf.nn.softmax(logits / self.fitted.temperature)
        probabilities = tf.where(valid[:, None], probabilities, tf.zeros_like(probabilities))
        label_ids = tf.argmax(probabilities, axis=1)
        return {
            "probabilities": probabilities,
            "label": tf.where(valid, tf.gather(self.label_names, label_ids), ""),
            "score": tf.reduce_max(probabilities, axis=1),
            **_validity(refused),
        }

    def signatures(self) -> dict[str, Any]:
        """Makes the signatures by name; the contract describes their inputs and outputs."""
        images = [tf.TensorSpec([None], tf.string, name="image_bytes")]
        records = [tf.TensorSpec([None], tf.string, name="examples")]
        # AutoGraph has nothing to convert here; leaving it out saves a tenth of the export's time.

        @tf.function(input_signature=images, autograph=False)
        def serving_default(image_bytes: tf.Tensor) -> dict[str, tf.Tensor]:
            return self.classify(image_bytes)

        @tf.function(input_signature=records, autograph=False)
        def serve_examples(examples: tf.Tensor) -> dict[str, tf.Tensor]:
            encoded = example.parse(examples, [example.ENCODED])[example.ENCODED]
            return self.classify(encoded, with_embedding=True)

        @tf.function(input_signature=images, autograph=False)
        def embed(image_bytes: tf.Tensor) -> dict[str, tf.Tensor]:
            pixels, refused = self.pixels(image_bytes)
            return {"embedding": self.embed(pixels), **_validity(refused)}

        @tf.function(input_signature=images, autograph=False)
        def explain(image_bytes: tf.Tensor) -> dict[str, tf.Tensor]:
            pixels, refused = self.pixels(image_bytes)
            heat, logits = self.explainer.explain(pixels)
            answer = self.answer(logits, refused)
            heat = tf.where(answer["valid"][:, None, None], heat, 0.0)
            return {"heatmap": heat, **{name: answer[name] for name in EXPLAINED}}

        return {
            "serving_default": serving_default,
            "serve_examples": serve_examples,
            "embed": embed,
            "explain": explain,
        }


def _validity(refused: tf.Tensor) -> dict[str, tf.Tensor]:
    return {"valid": refused == "", "invalid_reason": refused}


def contract(
    spec: materialise.Spec,
    backbone: str,
    embedding_size: int,
    fitted: calibration.Calibration = NOT_FITTED,
) -> dict[str, Any]:
    """Returns the description of the model for servers and clients, as in contract.json."""
    threshold = fitted.detector.threshold
    return {
        "contract_version": CONTRACT_VERSION,
        "task": spec.task,
        "labels": spec.labels,
        "image_size_px": spec.size_px,
        "resize": spec.resize,
        **spec.reading.to_dict(),
        "backbone": backbone,
        "temperature": fitted.temperature,
        "calibration": fitted.note,
        "outlier_coverage": fitted.coverage,
        # JSON has no infinity; null means that no image is called an outlier.
        "outlier_threshold": threshold if math.isfinite(threshold) else None,
        "invalid_reasons": refusals.REFUSALS,
        "signatures": _described(spec, embedding_size),
        "versions": {"tensorflow": tf.__version__, "keras": keras.__version__},
    }


def _described(spec: materialise.Spec, embedding_size: int) -> dict[str, Any]:
    """Returns the inputs and outputs of every signature, in words."""
    probabilities = {
        "probabilities": f"float32 [B, {len(spec.labels)}], in 0–1, in the order of labels",
        "label": "string [B], the most probable; empty where valid is false",
        "score": "float32 [B], its probability",
        "valid": "bool [B], false where the image is refused",
        "invalid_reason": "string [B], a code of invalid_reasons; empty where valid is true",
        "outlier_score": "float32 [B], in 0–2, higher the less like the training images",
        "outlier": "bool [B], outlier_score > outlier_threshold; false where valid is false",
    }
    return {
        "serving_default": {
            "inputs": IMAGE_INPUTS,
            "outputs": probabilities,
        },
        "serve_examples": {
            "inputs": {"examples": f"string [B], tf.Example with {example.ENCODED}"},
            "outputs": {
                **probabilities,
                "embedding": f"float32 [B, {embedding_size}], zeros where valid is false",
            },
        },
        "embed": {
            "inputs": IMAGE_INPUTS,
            "outputs": {
                "embedding": f"float32 [B, {embedding_size}]",
                **{name: probabilities[name] for name in ("valid", "invalid_reason")},
            },
        },
        "explain": {
            "inputs": IMAGE_INPUTS,
            "outputs": {
                "heatmap": f"float32 [B, {spec.size_px}, {spec.size_px}], in 0–1, the evidence"
                " for label at each pixel; zeros where valid is false",
                **{name: probabilities[name] for name in EXPLAINED},
            },
        },
    }


def save(
    classifier: keras.Model,
    spec: materialise.Spec,
    backbone: str,
    directory: Path,
    scratch: Path,
    fitted: calibration.Calibration = NOT_FITTED,
) -> None:
    """Writes the SavedModel.

    Args:
      classifier: the trained model, pixels → logits.
      spec: the spec of the pixels it was trained on.
      backbone: its registered name, for the contract.
      directory: folder of the SavedModel.
      scratch: an existing folder for the assets before they are copied.
      fitted: temperature and outlier detector; by default 1 and none.
    """
    embedding_size = classifier.get_layer(model.EMBEDDING_LAYER).output.shape[-1]
    contract_path, labels_path = scratch / contract_file.FILE, scratch / LABELS_FILE
    text = json.dumps(
        contract(spec, backbone, embedding_size, fitted), indent=1, ensure_ascii=False
    )
    contract_path.write_text(text + "\n", encoding="utf-8")
    labels_path.write_text("".join(f"{name}\n" for name in spec.labels), encoding="utf-8")
    served = ServedModel(
        classifier, spec, [contract_path, labels_path], fitted, explained_layer(backbone)
    )
    tf.saved_model.save(served, str(directory), signatures=served.signatures())


def explained_layer(backbone: str) -> str | None:
    """Names the layer for Grad-CAM; None, the last map, for a network outside the registry."""
    entry = registry.REGISTRY.get(backbone)
    return entry.grad_cam_layer if entry else None


def explainer(classifier: keras.Model, backbone: str) -> gradcam.Explainer:
    """Makes the explainer of the signature ``explain``."""
    return gradcam.Explainer(classifier, explained_layer(backbone))


def save_keras(classifier: keras.Model, path: Path) -> None:
    """Writes the classifier, pixels → logits, as a ``.keras`` file: Keras reads no SavedModel.

    The optimizer is left out: its slots depend on which layers were frozen when, and a file that
    holds them does not load.
    """
    keras.Model(classifier.input, classifier.output, name=classifier.name).save(path)
