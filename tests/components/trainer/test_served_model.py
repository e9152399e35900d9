import json
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

from components.preprocess import materialise
from components.trainer import contract as trained_contract
from components.trainer import served_model
from components.trainer.calibration import calibration, outliers
from components.trainer.network import gradcam, keras_archive, model
from data.examples import example
from data.graph import decoding
from data.images import decode, decode_config
from tasks.classification import calibration as temperature
from tests.components.trainer import conftest
from tests.data.pictures import noise, saved

pytestmark = [pytest.mark.xdist_group("trained"), pytest.mark.usefixtures("graphs_as_they_are")]

LABELS = ["dark", "bright and shiny"]
SPEC = materialise.Spec(conftest.SIZE, "stretch", LABELS, {"train": 64, "eval": 64, "test": 0})


@pytest.fixture(scope="module")
def fitted(trained, images) -> calibration.Calibration:
    """Makes a temperature of 0.5 and a threshold between the first two images and the others."""
    job = trained.job
    found = calibration.fit(trained.classifier, job)
    scores = np.sort(outlier_scores(trained.classifier, images, found.detector.directions))
    detector = outliers.Detector(found.detector.directions, float(scores[1:3].mean()))
    return calibration.Calibration(temperature.Fitted(0.5, "By hand."), 0.4, detector)


@pytest.fixture(scope="module")
def exported(trained, fitted, tmp_path_factory):
    root = tmp_path_factory.mktemp("export")
    directory = root / "saved_model"
    served_model.save(trained.classifier, SPEC, "cnn", directory, root, fitted)
    keras_archive.save(trained.classifier, root / "model.keras")
    return directory


@pytest.fixture(scope="module")
def loaded(exported):
    return tf.saved_model.load(str(exported))


@pytest.fixture(scope="module")
def images() -> list[bytes]:
    return [saved(noise(40, 60, seed), "JPEG") for seed in range(4)] + [saved(noise(9, 9), "PNG")]


def pixels_of(images: list[bytes]) -> tf.Tensor:
    pixels, _ = decoding.batch_pixels(tf.constant(images), conftest.SIZE, "stretch")
    return tf.cast(pixels, tf.float32)


def expected(classifier: keras.Model, images: list[bytes], temperature: float = 1.0) -> np.ndarray:
    return tf.nn.softmax(classifier(pixels_of(images), training=False) / temperature).numpy()


def outlier_scores(classifier: keras.Model, images: list[bytes], directions) -> np.ndarray:
    embedding = classifier.get_layer(model.EMBEDDING_LAYER).output
    rows = keras.Model(classifier.input, embedding)(pixels_of(images), training=False)
    return outliers.scores(rows, directions).numpy()


def test_serving_default_equals_the_trained_model_at_its_temperature(loaded, trained, images):
    outputs = loaded.signatures["serving_default"](image_bytes=tf.constant(images))
    probabilities = expected(trained.classifier, images, temperature=0.5)
    assert np.abs(probabilities - expected(trained.classifier, images)).max() > 0.01
    np.testing.assert_allclose(outputs["probabilities"], probabilities, atol=1e-6)
    names = [LABELS[index].encode() for index in probabilities.argmax(axis=1)]
    assert outputs["label"].numpy().tolist() == names
    np.testing.assert_allclose(outputs["score"], probabilities.max(axis=1), atol=1e-6)
    assert outputs["valid"].numpy().all()


def test_outliers_are_those_above_the_threshold(loaded, trained, fitted, images):
    outputs = loaded.signatures["serving_default"](image_bytes=tf.constant(images))
    scores = outlier_scores(trained.classifier, images, fitted.detector.directions)
    np.testing.assert_allclose(outputs["outlier_score"], scores, atol=1e-6)
    assert outputs["outlier"].numpy().tolist() == (scores > fitted.detector.threshold).tolist()
    assert outputs["outlier"].numpy().sum() == len(images) - 2


@pytest.mark.landing
def test_without_fitting_the_temperature_is_one_and_nothing_an_outlier(trained, images):
    served = served_model.ServedModel(trained.classifier, SPEC, [])
    outputs = served.signatures()["serving_default"](tf.constant(images))
    probabilities = expected(trained.classifier, images)
    np.testing.assert_allclose(outputs["probabilities"], probabilities, atol=1e-6)
    assert outputs["outlier_score"].numpy().tolist() == [0] * len(images)
    assert not outputs["outlier"].numpy().any()


def test_the_contract_without_fitting_says_so():
    contract = served_model.contract(SPEC, "cnn", 128)
    assert (contract["temperature"], contract["outlier_threshold"]) == (1.0, None)
    assert (contract["value_range"], contract["float_range"]) == ([0, 65_535], None)
    assert contract["convert_to_srgb"] is True


@pytest.mark.landing
def test_a_server_without_python_finds_its_variables(exported, loaded, images):
    """As TensorFlow Serving loads: the graph alone, restored by the operation that it names."""
    made = saved_model_pb2.SavedModel.FromString((exported / "saved_model.pb").read_bytes())
    (meta,) = made.meta_graphs
    signature = meta.signature_def["serving_default"]
    settings = tf.compat.v1.ConfigProto()
    settings.graph_options.rewrite_options.disable_meta_optimizer = True  # takes 8 s, needlessly
    with tf.Graph().as_default() as graph_alone, tf.compat.v1.Session(config=settings) as session:
        tf.graph_util.import_graph_def(meta.graph_def, name="")
        variables = str(exported / "variables" / "variables")
        restore = graph_alone.get_operation_by_name(meta.saver_def.restore_op_name)
        session.run(restore, {meta.saver_def.filename_tensor_name: variables})
        answer = session.run(
            signature.outputs["probabilities"].name,
            {signature.inputs["image_bytes"].name: images},
        )
    expected_answer = loaded.signatures["serving_default"](image_bytes=tf.constant(images))
    np.testing.assert_allclose(answer, expected_answer["probabilities"], atol=1e-6)


def test_of_keras_only_the_variables_are_exported(exported):
    """A Keras model among the exported objects brings a graph of its own."""
    made = saved_model_pb2.SavedModel.FromString((exported / "saved_model.pb").read_bytes())
    graph_def = made.meta_graphs[0].graph_def
    handles = [node.name for node in graph_def.node if node.op == "VarHandleOp"]
    read = {name.split(":")[0] for node in graph_def.node for name in node.input}
    assert set(handles) <= read
    traced = [one.signature.name for one in graph_def.library.function]
    assert sum(name.startswith("__inference_serving_default") for name in traced) == 1


def test_the_keras_file_beside_it_is_the_same_model(exported, trained, images):
    again = keras.saving.load_model(exported.parent / "model.keras")
    np.testing.assert_allclose(
        expected(again, images), expected(trained.classifier, images), atol=1e-6
    )


# Of nothing, an image, text and an image that is cut.
REASONS = [b"not_an_image", b"", b"not_an_image", b"damaged"]


def test_bad_images_are_flagged_and_spoil_no_other(loaded, images):
    serve = loaded.signatures["serving_default"]
    alone = serve(image_bytes=tf.constant(images[:1]))["probabilities"].numpy()
    mixed = serve(image_bytes=tf.constant([b"", images[0], b"junk", images[0][:99]]))
    assert mixed["valid"].numpy().tolist() == [False, True, False, False]
    assert mixed["invalid_reason"].numpy().tolist() == REASONS
    np.testing.assert_allclose(mixed["probabilities"][1:2], alone, atol=1e-6)
    assert mixed["probabilities"].numpy()[[0, 2, 3]].max() == 0
    assert mixed["label"].numpy().tolist()[0] == b""
    assert mixed["score"].numpy()[0] == 0
    assert mixed["outlier_score"].numpy()[[0, 2, 3]].max() == 0
    assert not mixed["outlier"].numpy()[[0, 2, 3]].any()


def test_serve_examples_equals_serving_default(loaded, images):
    records = []
    source = example.ImageSource("a", ("dark",), (0,), "00")
    for content in images:
        decoded = decode.decode(content, decode_config.DecodeConfig())
        assert isinstance(decoded, decode.Decoded)
        records.append(example.Encoder().encode(decoded.encoded, decoded.info, source))
    by_example = loaded.signatures["serve_examples"](examples=tf.constant(records))
    by_bytes = loaded.signatures["serving_default"](image_bytes=tf.constant(images))
    for name in ("probabilities", "outlier_score", "outlier"):
        np.testing.assert_array_equal(by_example[name], by_bytes[name])


def test_embed(loaded, images):
    outputs = loaded.signatures["embed"](image_bytes=tf.constant(images))
    assert outputs["embedding"].shape == (len(images), 128)
    assert outputs["valid"].numpy().all()
    mixed = loaded.signatures["embed"](image_bytes=tf.constant([images[0], b"junk"]))
    assert mixed["invalid_reason"].numpy().tolist() == [b"", b"not_an_image"]


def test_explain_equals_the_explainer_on_the_pixels_that_are_served(loaded, trained, images):
    outputs = loaded.signatures["explain"](image_bytes=tf.constant(images))
    pixels, _ = decoding.batch_pixels(tf.constant(images), conftest.SIZE, "stretch")
    heat = gradcam.Explainer(trained.classifier, "block3_conv1_relu").heatmap(pixels)
    assert outputs["heatmap"].dtype == tf.float32
    np.testing.assert_allclose(outputs["heatmap"], heat, atol=1e-4)
    assert heat.max() == 1
    served = loaded.signatures["serving_default"](image_bytes=tf.constant(images))
    np.testing.assert_array_equal(outputs["label"], served["label"])
    np.testing.assert_allclose(outputs["score"], served["score"], atol=1e-6)


def test_bad_images_have_no_heat_and_spoil_no_other(loaded, images):
    explain = loaded.signatures["explain"]
    alone = explain(image_bytes=tf.constant(images[:1]))
    mixed = explain(image_bytes=tf.constant([b"", images[0], b"junk", images[0][:99]]))
    assert mixed["valid"].numpy().tolist() == [False, True, False, False]
    assert mixed["invalid_reason"].numpy().tolist() == REASONS
    assert alone["heatmap"].numpy().max() == 1
    np.testing.assert_allclose(mixed["heatmap"][1:2], alone["heatmap"], atol=1e-5)
    np.testing.assert_array_equal(mixed["label"][1:2], alone["label"])
    np.testing.assert_allclose(mixed["score"][1:2], alone["score"], atol=1e-6)
    assert mixed["heatmap"].numpy()[[0, 2, 3]].max() == 0
    assert mixed["score"].numpy()[[0, 2, 3]].max() == 0
    assert mixed["label"].numpy()[[0, 2, 3]].tolist() == [b""] * 3


@pytest.mark.landing
def test_a_fresh_process_explains(exported, images):
    """Without Keras and without this project: the file holds all there is to know."""
    code = (
        "import sys, tensorflow as tf\n"
        "explain = tf.saved_model.load(sys.argv[1]).signatures['explain']\n"
        "image = tf.io.read_file(sys.argv[2])\n"
        "print(explain(image_bytes=image[None])['heatmap'].numpy().max())\n"
    )
    path = exported.parent / "image.jpg"
    path.write_bytes(images[0])
    command = [sys.executable, "-c", code, str(exported), str(path)]
    ran = subprocess.run(command, cwd=exported.parent, capture_output=True, text=True, check=False)
    assert ran.stdout.strip() == "1.0", ran.stderr


@pytest.mark.parametrize("count", [1, 2, 7])
def test_any_batch_size(loaded, images, count):
    batch = tf.constant((images * 2)[:count], tf.string)
    outputs = loaded.signatures["serving_default"](image_bytes=batch)
    assert outputs["probabilities"].shape == (count, 2)
    outputs = loaded.signatures["explain"](image_bytes=batch)
    assert outputs["heatmap"].shape == (count, conftest.SIZE, conftest.SIZE)


def test_the_contract_travels_with_the_model_and_tells_the_truth(exported, loaded, fitted):
    contract = json.loads((exported / "assets" / trained_contract.FILE).read_text())
    assert contract["temperature"] == fitted.answers.temperature
    assert contract["calibration"] == fitted.answers.note
    assert contract["outlier_threshold"] == fitted.detector.threshold
    assert contract["outlier_coverage"] == fitted.coverage
    assert contract["labels"] == LABELS
    assert (exported / "assets" / served_model.LABELS_FILE).read_text().splitlines() == LABELS
    assert contract["image_size_px"] == conftest.SIZE
    assert set(contract["signatures"]) == set(loaded.signatures)
    for name, described in contract["signatures"].items():
        _, inputs = loaded.signatures[name].structured_input_signature
        assert set(described["inputs"]) == set(inputs)
        assert set(described["outputs"]) == set(loaded.signatures[name].structured_outputs)
