"""The exported search: its signatures, its gallery in the same version, and parity."""

import json
import shutil

import numpy as np
import pytest
import tensorflow as tf

from components.predict import exported_model
from components.release_gate.parity import probe, training_stage
from components.trainer import contract as trained_contract
from data import errors
from tasks.retrieval import gallery as galleries
from tasks.similarity import calibration, compare
from tests.tasks.similarity import made

K = 10


@pytest.fixture(scope="module")
def loaded(exported):
    return tf.saved_model.load(str(exported.saved_model))


@pytest.fixture(scope="module")
def contract(exported):
    return trained_contract.read(exported.saved_model)


def searched(loaded, images):
    outputs = loaded.signatures["search"](image_bytes=tf.constant(images))
    return {name: value.numpy() for name, value in outputs.items()}


def test_the_neighbours_are_those_of_numpy(loaded, exported, contract):
    queries = [("red", 50), ("blue", 51)]
    found = searched(loaded, [made.png(made.drawn(*query)) for query in queries])
    gallery, _, _ = galleries.read(exported.saved_model, "")
    network = made.network()
    vectors = network.predict(
        np.stack([made.drawn(*query) for query in queries]).astype(np.float32), verbose=0
    )
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    cosines = vectors @ gallery.vectors.T
    order = np.argsort(-cosines, axis=1, kind="stable")[:, :K]
    expected = [[gallery.paths[place].encode() for place in row] for row in order]
    assert found["neighbours"].tolist() == expected
    np.testing.assert_allclose(
        found["similarity"], np.take_along_axis(cosines, order, 1), atol=1e-5
    )
    assert [row[0] for row in found["labels"]] == [b"red", b"blue"]
    assert found["valid"].all() and found["neighbours"].shape == (2, K)
    described = contract["signatures"]["search"]["outputs"]
    assert set(described) == set(found)


def test_an_image_of_the_gallery_finds_itself_and_says_so(loaded):
    found = searched(loaded, [made.png(made.drawn("green", 2))])
    assert found["neighbours"][0, 0] == b"green/2.png"
    assert found["similarity"][0, 0] == pytest.approx(1, abs=1e-5)


def test_what_is_no_image_has_no_neighbours_and_raises_nothing(loaded):
    found = searched(loaded, [b"", b"GIF89a", made.png(made.drawn("red", 9))])
    assert found["valid"].tolist() == [False, False, True]
    assert not any(found["neighbours"][:2].ravel()) and not found["similarity"][:2].any()
    assert all(found["invalid_reason"][:2]) and found["neighbours"][2, 0].startswith(b"red/")


def test_every_described_output_is_there_and_no_other(loaded, contract):
    image = tf.constant([made.png(made.drawn("red", 9))])
    record = tf.constant([exported_model.record(made.png(made.drawn("red", 9)))])
    answers = {
        "serving_default": loaded.signatures["serving_default"](image_bytes=image),
        "serve_examples": loaded.signatures["serve_examples"](examples=record),
        "embed": loaded.signatures["embed"](image_bytes=image),
    }
    for name, found in answers.items():
        assert set(found) == set(contract["signatures"][name]["outputs"]), name
    assert set(loaded.signatures) == {*answers, "search"}
    ranked = answers["serve_examples"]["ranked_label_ids"].numpy()
    assert ranked.shape == (1, K) and (ranked[0, :4] == made.LABELS.index("red")).all()


def test_the_training_graph_searches_like_the_exported_model(exported, contract):
    images = [made.png(made.drawn(label, seed)) for label in made.LABELS for seed in (2, 70)]
    images.append(b"no image")
    trained = training_stage.ask(
        exported.keras_file, made.SPEC, contract, images, exported.saved_model
    )
    loaded = tf.saved_model.load(str(exported.saved_model))
    found = loaded.signatures["serving_default"](image_bytes=tf.constant(images))
    values, valid = found["found"].numpy(), found["valid"].numpy()
    assert trained.values.shape == values.shape == (7, compare.COMPARE.width(contract))
    assert compare.COMPARE.distances(trained.values, values).max() < 1e-5
    names = [name.decode() for name in found["label"].numpy()]
    assert compare.COMPARE.names(values, valid, contract) == names
    assert compare.COMPARE.problem(values, valid) is None
    served = probe.Stage("served", values, valid, names)
    assert served.labels[-1] == ""


def test_a_gallery_of_another_network_is_refused(exported, contract):
    stale = json.loads(json.dumps(contract))
    stale["gallery"]["made_by"] = "0" * 64
    with pytest.raises(errors.PipelineError, match="the gallery is stale"):
        training_stage.fitted_with("similarity", stale, exported.saved_model)
    right = calibration.CALIBRATION.of_contract(contract, exported.saved_model)
    assert len(right.gallery) == 12 and right.ranked == K


def test_further_images_change_nothing_but_the_gallery(exported, contract, tmp_path):
    target = tmp_path / "2"
    shutil.copytree(exported.saved_model, target)
    gallery, made_with, digest = galleries.read(exported.saved_model, "")
    added = galleries.Gallery(
        gallery.vectors[:1], np.array([2], np.int32), ["new \udcff.png"], ["00"], ""
    )
    galleries.extended(exported.saved_model, target, gallery.joined(added))
    again, same, digest_now = galleries.read(target, "")
    assert digest_now == digest == contract["gallery"]["made_by"]
    np.testing.assert_array_equal(again.vectors[:-1], gallery.vectors)
    assert again.paths[-1] == "new \udcff.png" and again.label_ids[-1] == 2
    np.testing.assert_array_equal(same.matrix, made_with.matrix)
    before, after = (tf.saved_model.load(str(path)) for path in (exported.saved_model, target))
    image = made.png(made.drawn("blue", 0))
    first, second = (searched(model, [image]) for model in (before, after))
    assert first["neighbours"][0, 0] == second["neighbours"][0, 0] == b"blue/0.png"
    assert second["neighbours"][0, 1] == b"new \xff.png" and second["labels"][0, 1] == b"red"
    embedded = [
        model.signatures["embed"](image_bytes=tf.constant([image])) for model in (before, after)
    ]
    np.testing.assert_array_equal(*(one["embedding"].numpy() for one in embedded))


def test_vectors_of_two_networks_are_not_mixed(exported):
    gallery, _, _ = galleries.read(exported.saved_model, "a" * 64)
    other, _, _ = galleries.read(exported.saved_model, "b" * 64)
    with pytest.raises(galleries.MixedError, match="aaaaaaaaaaaa, the new ones by bbbbbbbbbbbb"):
        gallery.joined(other)


def test_a_damaged_gallery_is_no_traceback(exported, contract, tmp_path):
    target = tmp_path / "torn"
    shutil.copytree(exported.saved_model, target)
    for path in (target / "variables").glob("*.index"):
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(errors.PipelineError, match="gallery of the model"):
        galleries.read(target, "")
