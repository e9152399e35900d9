"""Exports a model as a SavedModel that takes bytes and never raises on a bad image.

Decoding, EXIF orientation, resizing and normalisation are inside the graph, by the same functions
that Preprocess used. The contract that a server needs is stored among the assets.

Dimension letters: B batch, F features, K classes.
"""

import functools
import json
import math
import shutil
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from components.preprocess import materialise
from components.trainer import contract as contract_file
from components.trainer import served_stages, signature_words
from components.trainer.backbones import registry
from components.trainer.calibration import calibration, outliers
from components.trainer.exports import network as network_file
from components.trainer.network import gradcam, model
from data.examples import example
from data.graph import decoding
from data.images import refusals
from tasks import task
from tasks.facets.serving import OwnSignature, Pictures

LABELS_FILE = "labels.txt"
CONTRACT_VERSION = 2  # 2: invalid_reason beside valid


class ServedModel(tf.Module):  # type: ignore[misc]
    """Exported object: the model, the label names, and the decoding of bytes to pixels.

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
        fitted: calibration.Calibration | None = None,
        explained_layer: str | None = None,
    ) -> None:
        super().__init__()
        self.fitted = fitted or calibration.unfitted(spec)
        embedding = classifier.get_layer(model.EMBEDDING_LAYER).output
        both = keras.Model(classifier.input, [embedding, classifier.output])
        # A function, not a model, so that tf.Module does not track it; traced, stored and loaded once for all signatures.
        self.embed_and_answer: Any = tf.function(
            lambda pixels: both(pixels, training=False),
            input_signature=[tf.TensorSpec([None, *classifier.input.shape[1:]], tf.float32)],
            autograph=False,
        )
        self.held = [variable.value for variable in classifier.variables]
        self.task_held = self.fitted.answers.variables
        self.spec = spec
        self.task_signatures: Any = task.load(spec.task).signatures
        self.own_signatures = task.load(spec.task).own_signatures
        if self.task_signatures.explains:
            self.explainer = gradcam.Explainer(classifier, explained_layer)
        self.assets = [tf.saved_model.Asset(str(path)) for path in assets]

    @property
    def labels(self) -> list[str]:
        """Returns the K classes."""
        return self.spec.labels

    def decoded(self, encoded: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, Pictures]:
        """Decodes images string [B] to pixels uint8 [B, S, S, 3] in 0–255.

        Also returns refusals, string [B], codes of :mod:`data.images.refusals` that are empty for
        valid images, and the sizes of the images.
        """
        spec = self.spec
        pixels, refused, sizes = decoding.batch_pixels_and_sizes(
            encoded, spec.size_px, spec.resize, spec.reading
        )
        return pixels, refused, self.pictures(sizes)

    def pictures(self, sizes: tf.Tensor) -> Pictures:
        """Returns what answers about places need of images of these sizes, int32 [B, 2]."""
        return Pictures(sizes, self.spec.size_px, self.spec.resize)

    def predict(self, encoded: tf.Tensor, with_embedding: bool = False) -> dict[str, tf.Tensor]:
        """Computes the outputs of ``serving_default`` for encoded images string [B].

        A bad image has ``valid`` false, a reason, and outputs that are 0 or empty.

        Args:
          encoded: string [B].
          with_embedding: adds ``embedding``, float32 [B, F], from the same forward pass, and what
            the task judges the model by.
        """
        pixels, refused, pictures = self.decoded(encoded)
        embedding, outputs = self.embed_and_answer(tf.cast(pixels, tf.float32))
        valid = refused == ""
        more = {}
        if with_embedding:
            more = self.task_signatures.examined(self.fitted.answers, outputs, valid)
            more = {**more, "embedding": tf.where(valid[:, None], embedding, 0.0)}
        return {**self.answer(embedding, outputs, refused, pictures), **more}

    def answer(
        self, embedding: tf.Tensor, outputs: tf.Tensor, refused: tf.Tensor, pictures: Pictures
    ) -> dict[str, tf.Tensor]:
        """Computes the outputs of ``serving_default`` from those of the network.

        Args:
          embedding: float32 [B, F].
          outputs: float32 [B, …], of the head.
          refused: string [B], see :meth:`decoded`.
          pictures: the images.
        """
        valid = refused == ""
        detector = self.fitted.detector
        outlier_scores = outliers.scores(embedding, detector.directions)
        return {
            **self.task_signatures.answer(
                self.fitted.answers, self.spec.labels, outputs, valid, pictures
            ),
            **_validity(refused),
            "outlier_score": tf.where(valid, outlier_scores, 0.0),
            "outlier": valid & (outlier_scores > detector.threshold),
        }

    def explain(
        self, encoded: tf.Tensor, class_ids: tf.Tensor | None = None
    ) -> dict[str, tf.Tensor]:
        """Computes the outputs of ``explain`` for encoded images string [B].

        Args:
          encoded: string [B].
          class_ids: int64 [B], the classes to explain, -1 for none; None: the most probable ones.
        """
        pixels, refused, _ = self.decoded(encoded)
        pixels, valid = tf.cast(pixels, tf.float32), refused == ""
        asked = None if class_ids is None else tf.maximum(class_ids, 0)
        heat, outputs = self.explainer.explain(pixels, asked)
        shown = valid if class_ids is None else valid & (class_ids >= 0)
        explained = self.task_signatures.explained(
            self.fitted.answers, self.spec.labels, outputs, shown, asked
        )
        return {
            "heatmap": tf.where(shown[:, None, None], heat, 0.0),
            **explained,
            **_validity(refused),
        }

    def signatures(self) -> dict[str, Any]:
        """Makes the signatures by name; the contract describes their inputs and outputs."""
        images = [tf.TensorSpec([None], tf.string, name="image_bytes")]
        records = [tf.TensorSpec([None], tf.string, name="examples")]
        # AutoGraph has nothing to convert here; leaving it out saves a tenth of the export's time.

        @tf.function(input_signature=images, autograph=False)
        def serving_default(image_bytes: tf.Tensor) -> dict[str, tf.Tensor]:
            return self.predict(image_bytes)

        @tf.function(input_signature=records, autograph=False)
        def serve_examples(examples: tf.Tensor) -> dict[str, tf.Tensor]:
            encoded = example.parse(examples, [example.ENCODED])[example.ENCODED]
            return self.predict(encoded, with_embedding=True)

        @tf.function(input_signature=images, autograph=False)
        def embed(image_bytes: tf.Tensor) -> dict[str, tf.Tensor]:
            pixels, refused, _ = self.decoded(image_bytes)
            embedding, _ = self.embed_and_answer(tf.cast(pixels, tf.float32))
            return {"embedding": embedding, **_validity(refused)}

        @tf.function(input_signature=images, autograph=False)
        def explain(image_bytes: tf.Tensor) -> dict[str, tf.Tensor]:
            return self.explain(image_bytes)

        return {
            "serving_default": serving_default,
            "serve_examples": serve_examples,
            "embed": embed,
            **({"explain": explain} if self.task_signatures.explains else {}),
            **{name: self._own(one) for name, one in self.own_signatures.items()},
        }

    def _own(self, one: OwnSignature) -> Any:
        """Makes a signature that only the model's task has."""
        names = ("image_bytes", *one.inputs)
        specs = [tf.TensorSpec([None], tf.string, name=name) for name in names]
        answer = functools.partial(one.answer, self)
        return tf.function(lambda *inputs: answer(*inputs), specs, autograph=False)


def _validity(refused: tf.Tensor) -> dict[str, tf.Tensor]:
    return {"valid": refused == "", "invalid_reason": refused}


def contract(
    spec: materialise.Spec,
    backbone: str,
    embedding_size: int,
    fitted: calibration.Calibration | None = None,
    windows: int = 1,
) -> dict[str, Any]:
    """Returns the description of the model for servers and clients, as in contract.json."""
    fitted = fitted or calibration.unfitted(spec)
    threshold = fitted.detector.threshold
    return {
        "contract_version": CONTRACT_VERSION,
        "task": spec.task,
        "display": task.load(spec.task).signatures.display,
        "labels": spec.labels,
        "image_size_px": spec.size_px,
        "resize": spec.resize,
        "windows": windows,
        **spec.reading.to_dict(),
        "backbone": backbone,
        **fitted.answers.parameters(spec.labels),
        "calibration": fitted.answers.note,
        "outlier_coverage": fitted.coverage,
        # JSON has no infinity; null means that no image is called an outlier.
        "outlier_threshold": threshold if math.isfinite(threshold) else None,
        "invalid_reasons": refusals.REFUSALS,
        "signatures": signature_words.described(spec, embedding_size),
        "versions": {"tensorflow": tf.__version__, "keras": keras.__version__},
    }


def save(
    classifier: keras.Model,
    spec: materialise.Spec,
    backbone: str,
    directory: Path,
    scratch: Path,
    fitted: calibration.Calibration | None = None,
    windows: int = 1,
    with_network: bool = False,
) -> None:
    """Writes the SavedModel.

    Args:
      classifier: the trained model, pixels → outputs of its head.
      spec: the spec of the pixels it was trained on.
      backbone: its registered name, for the contract.
      directory: folder of the SavedModel.
      scratch: an existing folder for the assets before they are copied.
      fitted: what was fitted after training; by default nothing.
      windows: sides of the square of the spec in sides of the one that was trained on.
      with_network: also writes the network for ONNX Runtime, see :mod:`exports.network`.
    """
    embedding_size = classifier.get_layer(model.EMBEDDING_LAYER).output.shape[-1]
    contract_path, labels_path = scratch / contract_file.FILE, scratch / LABELS_FILE
    onnx_path = scratch / network_file.FILE.name
    network = network_file.NOT_ASKED
    if with_network:
        compared = task.load(spec.task).signatures.compared
        network = network_file.write(classifier, onnx_path, compared)
    described = contract(spec, backbone, embedding_size, fitted, windows)
    text = json.dumps({**described, "network": network.to_dict()}, indent=1, ensure_ascii=False)
    contract_path.write_text(text + "\n", encoding="utf-8")
    labels_path.write_text("".join(f"{name}\n" for name in spec.labels), encoding="utf-8")
    served = ServedModel(
        classifier, spec, [contract_path, labels_path], fitted, explained_layer(backbone)
    )
    for name, stage in served_stages.of(served, classifier).items():
        setattr(served, name, stage)
    tf.saved_model.save(served, str(directory), signatures=served.signatures())
    if not network.absent:
        (directory / network_file.FILE).parent.mkdir(parents=True)
        shutil.move(onnx_path, directory / network_file.FILE)


def explained_layer(backbone: str) -> str | None:
    """Names the layer for Grad-CAM; None, the last map, for a network outside the registry."""
    entry = registry.REGISTRY.get(backbone)
    return entry.grad_cam_layer if entry else None


def explainer(
    classifier: keras.Model, backbone: str, task_name: str = task.DEFAULT
) -> gradcam.Explainer | None:
    """Makes the explainer of the signature ``explain``; None for a task without that."""
    if not task.load(task_name).signatures.explains:
        return None
    return gradcam.Explainer(classifier, explained_layer(backbone))
