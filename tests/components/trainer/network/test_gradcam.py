import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from components.trainer.backbones import registry
from components.trainer.network import cut, gradcam, keras_archive, model
from data import errors
from tests.components.trainer import conftest
from tests.components.trainer.backbones import conftest as backbones

pytestmark = pytest.mark.xdist_group("trained")

SIDE = conftest.SIZE
PATCH = 10
# What is planted in the images of each class.
KINDS = ([0], [1], [])


def stretched(heat: np.ndarray, side: int) -> np.ndarray:
    """Bilinear enlarging of [h, w], an axis after the other, places at their middles."""
    for _ in range(2):
        count = heat.shape[0]
        at = (np.arange(side) + 0.5) * count / side - 0.5
        heat = np.stack([np.interp(at, np.arange(count), column) for column in heat.T])
    return heat


def naive(lower, upper, image: np.ndarray, class_id: int | None = None) -> np.ndarray:
    """Computes the paper's formulas on one image [S, S, 3] by position, with an eager tape."""
    activations = lower(image[None])
    with tf.GradientTape() as tape:
        tape.watch(activations)
        logits = upper(activations)[0]
        score = logits[int(np.argmax(logits)) if class_id is None else class_id]
    gradients = np.asarray(tape.gradient(score, activations))[0]
    activations = np.asarray(activations)[0]
    height, width, channels = activations.shape
    heat = np.zeros((height, width))
    for channel in range(channels):
        weight = gradients[..., channel].sum() / (height * width)
        heat += weight * activations[..., channel]
    heat = stretched(np.maximum(heat, 0), image.shape[0])
    return heat / heat.max() if heat.max() > 0 else heat


def planted(seed: int, count: int, kinds: list[int]) -> tuple[np.ndarray, np.ndarray]:
    """Dark noise with a bright patch of each kind, 0 red and 1 green: pixels and corners."""
    generator = np.random.default_rng(seed)
    pixels = generator.integers(0, 60, (count, SIDE, SIDE, 3)).astype(np.uint8)
    corners = np.zeros((count, 2, 2), int)
    for index in range(count):
        for number, kind in enumerate(kinds):
            # One in the upper half and one in the lower, so that they never meet.
            top, left = generator.integers(0, (SIDE // 2 - PATCH, SIDE - PATCH))
            top += (SIDE // 2) * ((number + index) % 2)
            pixels[index, top : top + PATCH, left : left + PATCH, kind] = 250
            corners[index, kind] = top, left
    return pixels, corners


def small_cnn(last: str = "linear") -> keras.Model:
    """Builds a flat classifier of three classes, with a residual block to be explained."""
    keras.utils.set_random_seed(0)
    inputs = keras.Input((SIDE, SIDE, 3))
    x = layers.Rescaling(1 / 127.5, -1)(inputs)
    x = layers.Conv2D(8, 3, padding="same", activation="relu", name="first")(x)
    x = layers.MaxPooling2D()(x)
    branch = layers.Conv2D(8, 3, padding="same", activation="relu", name="branch")(x)
    x = layers.Add(name="sum")([x, branch])
    x = layers.GlobalAveragePooling2D()(x)
    return keras.Model(inputs, layers.Dense(3, activation=last, name="last")(x))


@pytest.fixture(scope="module")
def seeing() -> keras.Model:
    """Trained for a few seconds to tell a red patch, a green one and none.

    With two classes, the absence of the one would be evidence for the other.
    """
    classifier = small_cnn()
    pixels = np.concatenate([planted(seed, 64, kinds)[0] for seed, kinds in enumerate(KINDS)])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    classifier.compile(keras.optimizers.Adam(0.01), loss, metrics=["accuracy"])
    history = classifier.fit(pixels, np.repeat([0, 1, 2], 64), 16, epochs=8, verbose=0).history
    assert history["accuracy"][-1] == 1
    return classifier


@pytest.fixture(scope="module")
def explainer(trained) -> gradcam.Explainer:
    return gradcam.Explainer(trained.classifier)


@pytest.fixture(scope="module")
def pixels() -> np.ndarray:
    return conftest.images(3, 5)[0]


def test_heat_is_one_map_an_image_from_0_to_1(explainer, pixels):
    heat = explainer.heatmap(pixels)
    assert heat.shape == (5, SIDE, SIDE)
    assert heat.dtype == np.float32
    assert heat.min() >= 0
    assert set(heat.max(axis=(1, 2))) <= {0.0, 1.0}
    assert heat.max() == 1


def test_a_batch_equals_its_images_one_by_one(explainer, pixels):
    alone = [explainer.heatmap(pixels[index : index + 1])[0] for index in range(5)]
    np.testing.assert_allclose(explainer.heatmap(pixels), alone, atol=1e-5)


def test_no_image_no_map(explainer, pixels):
    assert explainer.heatmap(pixels[:0]).shape == (0, SIDE, SIDE)


def test_without_class_ids_the_predicted_class_is_explained(explainer, trained, pixels):
    predicted = np.argmax(trained.classifier(pixels, training=False), axis=1)
    assert len(set(predicted)) == 2
    heat = explainer.heatmap(pixels)
    np.testing.assert_array_equal(explainer.heatmap(pixels, predicted), heat)
    assert not np.allclose(explainer.heatmap(pixels, 1 - predicted), heat, atol=0.1)


@pytest.mark.parametrize("layer_name", ["block1_pool", "block2_pool"])
@pytest.mark.parametrize("class_id", [0, 1, None])
def test_equals_the_papers_formulas_below_further_layers(trained, pixels, layer_name, class_id):
    lower = cut.lower(trained.classifier, "cnn", layer_name)
    upper = cut.upper(trained.classifier, layer_name, conftest.HEAD)
    class_ids = None if class_id is None else np.full(5, class_id)
    heat = gradcam.Explainer(trained.classifier, layer_name).heatmap(pixels, class_ids)
    expected = [naive(lower, upper, image, class_id) for image in pixels.astype(np.float32)]
    np.testing.assert_allclose(heat, expected, atol=1e-4)
    assert heat.max() == 1


@pytest.mark.parametrize("name", backbones.dear(quick=["mobilenet_v3_small", "cnn"]))
def test_every_backbone_has_the_class_activation_map_at_its_last_layer(name):
    """Below an average and a dense layer Grad-CAM is the map weighted by the dense layer."""
    entry, backbone = registry.REGISTRY[name], backbones.built(name)
    images = keras.Input((backbones.SIZE, backbones.SIZE, 3))
    embedding = layers.GlobalAveragePooling2D()(backbone(entry.preprocess(images)))
    head = layers.Dense(3, bias_initializer="normal")
    classifier = keras.Model(images, head(embedding))
    explainer = gradcam.Explainer(classifier)
    assert explainer.layer_name == entry.grad_cam_layer
    pixels, class_ids = backbones.pixels(), np.array([2, 0])
    heat = explainer.heatmap(pixels, class_ids)
    features = np.asarray(backbone(entry.preprocess(pixels), training=False))
    for index, class_id in enumerate(class_ids):
        evidence = np.maximum(features[index] @ np.asarray(head.kernel)[:, class_id], 0)
        expected = stretched(evidence, backbones.SIZE)
        np.testing.assert_allclose(heat[index], expected / (expected.max() or 1), atol=1e-3)


def test_heat_lies_in_the_object_of_the_class_that_is_asked_for(seeing):
    """With an object of each kind in the image, the class decides which of them is hot."""
    pixels, corners = planted(9, 12, [0, 1])
    explainer = gradcam.Explainer(seeing)
    for class_id in (0, 1):
        heat = explainer.heatmap(pixels, np.full(12, class_id))
        for one, places in zip(heat, corners, strict=True):
            inside, other = (
                one[top : top + PATCH, left : left + PATCH]
                for top, left in (places[class_id], places[1 - class_id])
            )
            assert inside.max() == 1
            # The object is a tenth of the image, and each place of the map sees 8 px around.
            assert inside.sum() > 0.45 * one.sum()
            assert other.sum() < 0.5 * inside.sum()


def nested(flat: keras.Model) -> keras.Model:
    """The layers of small_cnn in a model within a model."""
    body = keras.Model(flat.inputs[0], flat.get_layer("sum").output, name="body")
    inner = keras.Input((SIDE, SIDE, 3))
    middle = keras.Model(inner, layers.GlobalAveragePooling2D()(body(inner)))
    outer = keras.Input((SIDE, SIDE, 3))
    return keras.Model(outer, flat.get_layer("last")(middle(outer)))


def sequential(flat: keras.Model) -> keras.Model:
    body = keras.Model(flat.inputs[0], flat.get_layer("sum").output, name="body")
    head = keras.Sequential([layers.GlobalAveragePooling2D(), flat.get_layer("last")])
    whole = keras.Sequential([keras.Input((SIDE, SIDE, 3)), body, head])
    whole.compile(loss="mse")
    return whole


def called_again(flat: keras.Model) -> keras.Model:
    """On other inputs, uint8 ones: what the layers call their output belongs to the old graph."""
    inputs = keras.Input((SIDE, SIDE, 3), dtype="uint8")
    return keras.models.clone_model(flat, inputs, clone_function=lambda layer: layer)


@pytest.mark.parametrize("arrange", [nested, sequential, called_again])
@pytest.mark.parametrize("layer_name", ["first", "branch", None])
def test_the_arrangement_of_the_layers_does_not_matter(seeing, arrange, layer_name):
    """Even where a path goes around the layer, as it does around a residual branch."""
    pixels, _ = planted(5, 3, [0, 1])
    flat = gradcam.Explainer(seeing, layer_name)
    other = gradcam.Explainer(arrange(seeing), layer_name)
    assert other.layer_name == flat.layer_name == (layer_name or "sum")
    heat = flat.heatmap(pixels)
    np.testing.assert_allclose(other.heatmap(pixels), heat, atol=1e-6)
    assert heat.max() == 1


def test_of_a_layer_that_is_called_twice_the_last_call_counts():
    keras.utils.set_random_seed(0)
    block = keras.Sequential(
        [keras.Input((8, 8, 3)), layers.Conv2D(3, 3, padding="same", name="twice")]
    )
    head = keras.Sequential([layers.GlobalAveragePooling2D(), layers.Dense(6)])
    inputs = keras.Input((8, 8, 3))
    classifier = keras.Model(inputs, head(block(inputs=block(inputs))))
    pixels = np.random.default_rng(0).uniform(0, 255, (6, 8, 8, 3)).astype(np.float32)
    heat = gradcam.Explainer(classifier, "twice").heatmap(pixels, np.arange(6))
    for class_id, image in enumerate(pixels):
        expected = naive(lambda x: block(block(x)), head, image, class_id)
        np.testing.assert_allclose(heat[class_id], expected, atol=1e-5)
    assert heat.max() == 1


def test_a_softmax_or_sigmoid_at_the_end_does_not_fade_the_heat(seeing):
    pixels, _ = planted(5, 3, [0, 1])
    heat = gradcam.Explainer(seeing).heatmap(pixels)
    probabilities = {
        "softmax layer": keras.Sequential([seeing, layers.Softmax()]),
        "activation layer": keras.Sequential([seeing, layers.Activation("sigmoid")]),
    }
    for last in ("softmax", "sigmoid"):
        probabilities[last] = small_cnn(last)
        # So sure that in float32 the probabilities are 0 and 1, their gradients 0.
        kernel, bias = seeing.layers[-1].get_weights()
        weights = [*seeing.get_weights()[:-2], 1000 * kernel, 1000 * bias]
        probabilities[last].set_weights(weights)
        assert set(np.unique(probabilities[last](pixels))) <= {0.0, 1.0}
    for kind, classifier in probabilities.items():
        np.testing.assert_allclose(
            gradcam.Explainer(classifier).heatmap(pixels), heat, atol=1e-5, err_msg=kind
        )


@pytest.mark.parametrize("file_name", [keras_archive.FILE, "model.h5"])
def test_a_classifier_from_a_file(explainer, trained, pixels, tmp_path, file_name):
    """After an explainer was made, too: it shares the layers, and the file does not know it."""
    keras_archive.save(trained.classifier, tmp_path / file_name)
    loaded = keras.saving.load_model(tmp_path / file_name, compile=False)
    names_before = [layer.name for layer in trained.classifier.layers]
    assert [layer.name for layer in loaded.layers] == names_before
    for layer_name in (None, "block2_pool"):
        np.testing.assert_allclose(
            gradcam.Explainer(loaded, layer_name).heatmap(pixels),
            gradcam.Explainer(trained.classifier, layer_name).heatmap(pixels),
            atol=1e-6,
        )


def test_frozen_layers_are_explained_as_trainable_ones(trained, pixels):
    """A tape records nothing of what is frozen."""
    heat = gradcam.Explainer(trained.classifier, "block2_pool").heatmap(pixels)
    trainable = [layer.trainable for layer in trained.classifier.get_layer("backbone").layers]
    model.freeze(trained.classifier.get_layer(model.BACKBONE_LAYER))
    frozen = gradcam.Explainer(trained.classifier, "block2_pool").heatmap(pixels)
    layers_of = trained.classifier.get_layer("backbone").layers
    for layer, before in zip(layers_of, trainable, strict=True):
        layer.trainable = before
    np.testing.assert_array_equal(frozen, heat)


def test_no_evidence_no_heat_and_never_nan(seeing):
    classifier = small_cnn()
    kernel, bias = seeing.layers[-1].get_weights()
    weights = seeing.get_weights()[:-2]
    pixels = planted(5, 3, [0, 1])[0].astype(np.float32)
    # All maps are 0 or more: where all their weights are below 0, nothing speaks for a class.
    for against in (-abs(kernel), 0 * kernel):
        classifier.set_weights([*weights, against, bias])
        heat = gradcam.Explainer(classifier).heatmap(pixels)
        np.testing.assert_array_equal(heat, np.zeros((3, SIDE, SIDE), np.float32))
    classifier.set_weights([*weights, np.nan * kernel, bias])
    np.testing.assert_array_equal(gradcam.Explainer(classifier).heatmap(pixels), 0)


@pytest.mark.parametrize("class_ids", [[0, 1], [0, 1, 3], [0, 1, -1], [0.0, 1.0, 0.0], 0])
def test_class_ids_that_do_not_fit(seeing, class_ids):
    with pytest.raises(ValueError, match=r"3 integers in 0…2 are needed"):
        gradcam.Explainer(seeing).heatmap(planted(5, 3, [0])[0], np.array(class_ids))


def test_images_that_do_not_fit(seeing):
    with pytest.raises((TypeError, ValueError)):
        gradcam.Explainer(seeing).heatmap(np.zeros((2, SIDE, SIDE + 1, 3), np.uint8))


def test_a_layer_that_there_is_not_or_that_has_no_map(trained, seeing):
    with pytest.raises(errors.ConfigError, match=r"no layers named 'frist'.*such as first"):
        gradcam.Explainer(seeing, "frist")
    with pytest.raises(errors.ConfigError, match=r"no layers named 'embedding'"):
        gradcam.Explainer(trained.classifier, "embedding")


def test_a_name_that_two_layers_have():
    def block() -> keras.Model:
        inputs = keras.Input((8, 8, 3))
        return keras.Model(inputs, layers.Conv2D(3, 3, padding="same", name="twin")(inputs))

    stages = [keras.Input((8, 8, 3)), block(), block(), layers.GlobalAveragePooling2D()]
    with pytest.raises(errors.ConfigError, match="2 layers named 'twin'"):
        gradcam.Explainer(keras.Sequential(stages), "twin")


def test_models_that_cannot_be_explained():
    class Own(keras.Model):
        def call(self, inputs):
            return inputs

    inputs = keras.Input((8,))
    dense = layers.Dense(2)(inputs)
    image = keras.Input((8, 8, 3))
    for classifier in (Own(), keras.Sequential(), keras.Model(image, layers.ReLU()(image))):
        with pytest.raises(errors.ConfigError, match="one input, images, and one output"):
            gradcam.Explainer(classifier)
    with pytest.raises(errors.ConfigError, match="one input, images, and one output"):
        gradcam.Explainer(keras.Model(inputs, [dense, inputs]))
    with pytest.raises(errors.ConfigError, match="no layers with a map of more than one position"):
        gradcam.Explainer(keras.Model(inputs, dense))


def test_overlay(pixels):
    heat = np.linspace(0, 1, pixels[..., 0].size).reshape(pixels.shape[:3]).astype(np.float32)
    shown = gradcam.overlay(pixels, heat)
    assert shown.shape == pixels.shape
    assert shown.dtype == np.uint8
    np.testing.assert_array_equal(gradcam.overlay(pixels, heat, alpha=0), pixels)
    colours = gradcam.overlay(pixels, heat, "jet", alpha=1)
    # Jet goes from dark blue to dark red.
    assert colours[0, 0, 0].tolist() == [0, 0, 128]
    assert colours[-1, -1, -1].tolist() == [128, 0, 0]
    half = gradcam.overlay(pixels, heat, "jet", alpha=0.5)
    np.testing.assert_allclose(half, (pixels.astype(float) + colours) / 2, atol=1)


def test_overlay_refuses_what_does_not_fit(pixels):
    heat = np.zeros(pixels.shape[:3], np.float32)
    with pytest.raises(errors.ConfigError, match=r"Unknown colour map 'turbot'.*turbo"):
        gradcam.overlay(pixels, heat, "turbot")
    with pytest.raises(errors.ConfigError, match=r"alpha is 1\.5; it must be in 0–1"):
        gradcam.overlay(pixels, heat, alpha=1.5)
    for bad_pixels, bad_heat in [
        (pixels.astype(np.float32), heat),
        (pixels, heat[:2]),
        (pixels[0], heat[0]),
    ]:
        with pytest.raises(ValueError, match="do not fit"):
            gradcam.overlay(bad_pixels, bad_heat)
