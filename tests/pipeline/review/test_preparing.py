"""A review from what a run left: embeddings by the model in serving, kept, and what follows from them."""

import shutil

import numpy as np
import pytest

from data import errors
from data.sources import label_source
from pipeline import output_folder
from pipeline.review import embeddings, preparing
from pipeline.review.queues import Kind
from tests.data.pictures import noise
from tests.pipeline.review.made import ingested
from tests.tasks.similarity import made

pytestmark = [pytest.mark.xdist_group("ingest"), pytest.mark.usefixtures("graphs_as_they_are")]


def test_without_a_model_copies_and_near_duplicates_alone_are_told(class_folders, tmp_path):
    said: list[str] = []
    found = ingested(class_folders, tmp_path / "output")
    ready = preparing.prepare(found, "ada", said.append)
    assert ready.model is None
    assert [one["id"] for one in ready.session.about()["queues"]] == ["conflicts", "near"]
    assert said == ["No model is in serving: likely label errors and outliers need one."]
    with pytest.raises(errors.UserError, match="chosen by a model in serving"):
        preparing.prepare(found, "ada", said.append, class_folders)


def test_a_model_embeds_each_content_once(class_folders, tmp_path, exported, monkeypatch):
    found = ingested(class_folders, tmp_path / "output")
    serving = output_folder.OutputFolder(found.output_dir).serving(found.name)
    shutil.copytree(exported[2], serving / "7")
    new = tmp_path / "new"
    new.mkdir()
    for number in range(6):
        noise(40, 50, seed=900 + number).save(new / f"{number}.jpg")
    (new / "broken.jpg").write_bytes(b"no image")
    shutil.copy(next((class_folders / "cat").iterdir()), new / "known.jpg")
    said: list[str] = []
    ready = preparing.prepare(found, "ada", said.append, new, count=4)
    assert "24 of 24 images embedded" in said
    queues = {one["id"]: one["count"] for one in ready.session.about()["queues"]}
    assert queues["next"] == 4 and queues["outliers"] == 1 and "labels" in queues
    shown = ready.session.cases(Kind.NEXT, 0, 9)["cases"]
    paths = {case["images"][0]["path"] for case in shown}
    assert len(paths) == 4 and paths <= {f"{number}.jpg" for number in range(6)}
    heat = ready.model.explain((new / "0.jpg").read_bytes())
    assert heat.ndim == 2 and 0 <= heat.min() <= heat.max() <= 1
    # The rows are those of the model itself, in the order of the catalog, and kept.
    image = found.images[3]
    content = (found.data_dir / image.path).read_bytes()
    monkeypatch.setattr(embeddings.Model, "embed", lambda *_: pytest.fail("asked again"))
    rows = embeddings.of_images(found, embeddings.Model(serving), lambda *_: None)
    monkeypatch.undo()
    np.testing.assert_allclose(rows[3], ready.model.embed([content])[0], atol=1e-5)


def test_images_without_labels_are_kept_or_dropped(tmp_path, tmp_path_factory):
    data = tmp_path / "data"
    data.mkdir()
    for seed in range(12):
        noise(40, 50, seed=seed).save(data / f"{seed}.png")
    rule = label_source.LabelRule(needed=False)
    found = ingested(data, tmp_path / "output", task="similarity", rule=rule)
    assert (found.labels, found.has_labels) == ([], False)
    serving = output_folder.OutputFolder(found.output_dir).serving(found.name)
    shutil.copytree(made.exported(tmp_path_factory).saved_model, serving / "1")
    ready = preparing.prepare(found, "ada", lambda _: None)
    about = ready.session.about()
    queues = {one["id"]: one["count"] for one in about["queues"]}
    assert about["has_labels"] is False and queues["outliers"] == 1 and "labels" not in queues
    with pytest.raises(errors.UserError, match="chosen by a model in serving that labels images"):
        preparing.prepare(found, "ada", lambda _: None, data)


def test_the_images_of_a_search_are_reviewed_like_those_of_classes(
    class_folders, tmp_path, tmp_path_factory
):
    found = ingested(class_folders, tmp_path / "output", task="similarity")
    serving = output_folder.OutputFolder(found.output_dir).serving(found.name)
    shutil.copytree(made.exported(tmp_path_factory).saved_model, serving / "1")
    ready = preparing.prepare(found, "ada", lambda _: None)
    about = ready.session.about()
    assert about["has_labels"] and {"labels", "near", "outliers"} <= {
        one["id"] for one in about["queues"]
    }
    assert ready.model.explain(next((class_folders / "cat").iterdir()).read_bytes()) is None
