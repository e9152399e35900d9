"""A gallery as an index of faiss: it takes embeddings, and finds what the model finds."""

import csv
import json

import numpy as np
import pytest
import tensorflow as tf

from data import errors
from data.files import hashing
from pipeline import output_folder
from pipeline.gallery import adding, command, index
from tasks.retrieval import transform
from tests.tasks.similarity import made

faiss = pytest.importorskip("faiss")
pytestmark = pytest.mark.xdist_group("gallery")


@pytest.fixture(scope="module")
def served(exported, tmp_path_factory):
    """An output folder with the tiny search in serving, as version 3."""
    output = output_folder.OutputFolder(tmp_path_factory.mktemp("output"))
    version = output.serving("tiny") / "3"
    version.parent.mkdir(parents=True)
    version.symlink_to(exported.saved_model)
    return output, version


@pytest.fixture(scope="module")
def written(served, tmp_path_factory):
    output, version = served
    target = tmp_path_factory.mktemp("indexes") / "new"
    assert command.main(["index", str(target), "--output-dir", str(output.root)]) == 0
    return target, version


def test_it_takes_embeddings_and_finds_what_the_model_finds(written):
    target, version = written
    signatures = tf.saved_model.load(str(version)).signatures
    images = tf.constant([made.png(made.drawn(name, 50)) for name in ("red", "green")])
    found = signatures["search"](image_bytes=images)
    embedding = signatures["embed"](image_bytes=images)["embedding"].numpy()
    k = found["neighbours"].shape[1]
    cosines, rows = faiss.read_index(str(target / index.INDEX)).search(embedding, k)
    with (target / index.IMAGES).open(encoding="utf-8", newline="") as file:
        listed = list(csv.DictReader(file))
    np.testing.assert_allclose(cosines, found["similarity"].numpy(), atol=1e-5)
    for place, neighbours in enumerate(found["neighbours"].numpy()):
        assert [listed[row]["path"].encode() for row in rows[place]] == list(neighbours)
    labels = [[listed[row]["label"].encode() for row in one] for one in rows]
    assert labels == found["labels"].numpy().tolist()


def test_it_says_what_it_was_made_of_and_what_it_is_good_for(written):
    target, version = written
    about = json.loads((target / index.ABOUT).read_text())
    _, gallery = adding.read(version)
    assert (about["version"], about["images"], about["made_by"]) == ("3", 12, gallery.made_by)
    assert about["sha256"] == hashing.sha256((target / index.INDEX).read_bytes())
    assert (about["recall_at_10"], about["queries"]) == (1.0, 12)


def test_a_map_with_a_mean_and_a_matrix_is_in_it():
    generator = np.random.default_rng(0)
    rows = generator.standard_normal([300, 12]).astype(np.float32) + 1
    whitening = transform.whitening(rows, 5)
    vectors = whitening.apply(rows).numpy()
    lists = faiss.IndexFlatIP(5)
    lists.add(vectors)
    whole = index._of_embeddings(faiss, lists, whitening)
    np.testing.assert_allclose(
        whole.search(rows[:9], 3)[0], lists.search(vectors[:9], 3)[0], atol=1e-5
    )


def test_as_many_lists_are_searched_as_the_recall_needs():
    """Vectors without any structure: a few lists are not enough."""
    rows = transform.unit(np.random.default_rng(0).standard_normal([2_000, 24]))
    lists, told = index.parted(faiss, rows)
    assert 1 < told.searched <= told.lists == 45
    assert told.recall_at_10 >= index.LEAST_RECALL
    asked = np.arange(50)
    truth = index.exact(rows, asked)
    cosines = rows[asked] @ rows.T
    np.fill_diagonal(cosines, -1)
    assert [set(one) for one in truth] == [set(one[:10]) for one in np.argsort(-cosines, axis=1)]
    lists.nprobe = 1
    assert index._recall(lists.search(rows[asked], 11)[1], asked, truth) < 0.9


def test_what_cannot_be_is_told(served, tmp_path, monkeypatch):
    _, version = served
    with pytest.raises(errors.UserError, match="is there already; name a new folder"):
        index.write(version, tmp_path)
    monkeypatch.setitem(__import__("sys").modules, "faiss", None)
    with pytest.raises(errors.UserError, match=r"pip install faiss-cpu \(the extra faiss\)"):
        index.write(version, tmp_path / "new")
