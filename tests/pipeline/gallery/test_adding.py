"""Further images in the gallery of a version: counted, labelled, compared, and nothing else changed."""

import json

import numpy as np
import pytest
import tensorflow as tf

from components.trainer import contract as trained_contract
from data import errors
from pipeline import output_folder
from pipeline.gallery import adding, command
from tasks.retrieval import gallery as galleries
from tests.tasks.similarity import made

pytestmark = pytest.mark.xdist_group("gallery")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Two new images, one of them without a class; copies of one in the gallery and of each other; a text."""
    root = tmp_path_factory.mktemp("more")
    for name, content in {
        "red/new.png": made.png(made.drawn("red", 40)),
        "red/again.png": made.png(made.drawn("red", 40)),
        "red/known.png": made.png(made.drawn("red", 1)),
        "red/notes.txt": b"no image",
        "lone.png": made.png(made.drawn("green", 41)),
    }.items():
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).write_bytes(content)
    return root


@pytest.fixture(scope="module")
def larger(exported, folder, tmp_path_factory):
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    _, gallery = adding.read(exported.saved_model)
    new, told = adding.embedded(exported.saved_model, folder, gallery)
    target = tmp_path_factory.mktemp("versions") / "2"
    adding.write(exported.saved_model, target, gallery.joined(new))
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == before
    return told, target


def test_every_file_is_counted_once(larger, folder):
    told, target = larger
    assert (told.added, told.copies, told.unlabelled) == (2, 2, 1)
    assert dict(told.bad) == {"not_an_image": 1}
    contract = trained_contract.read(target)
    assert contract["gallery"]["images"] == 14
    assert contract["gallery"]["per_class"] == [4, 4, 5]
    gallery, _, _ = galleries.read(target, "")
    assert sorted(gallery.paths[-2:]) == [f"{folder.name}/lone.png", f"{folder.name}/red/again.png"]


def test_the_new_version_finds_them_and_agrees_with_the_trained_network(larger, exported):
    _, target = larger
    served = tf.saved_model.load(str(target)).signatures["search"]
    found = served(image_bytes=tf.constant([made.png(made.drawn("green", 41))]))
    assert found["neighbours"].numpy()[0, 0].endswith(b"/lone.png")
    assert found["labels"].numpy()[0, 0] == b""
    assert float(found["similarity"][0, 0]) == pytest.approx(1, abs=1e-5)
    assert adding.checked(exported.keras_file, target, 1e-4, ask_server=False) == []


def test_a_version_of_another_network_is_refused_by_parity(larger, tmp_path):
    _, target = larger
    other = made.network()
    other.set_weights([value + 0.1 for value in other.get_weights()])
    other.save(tmp_path / "other.keras")
    with pytest.raises(errors.PipelineError, match="differs from the training graph"):
        adding.checked(tmp_path / "other.keras", target, 1e-4, ask_server=False)


def test_a_stale_gallery_and_a_model_without_one_are_refused(exported, tmp_path):
    broken = tmp_path / "stale"
    gallery, _, _ = galleries.read(exported.saved_model, "")
    adding.write(exported.saved_model, broken, gallery)
    contract = trained_contract.read(broken)
    contract["gallery"]["made_by"] = "f" * 64
    (broken / "assets" / trained_contract.FILE).write_text(json.dumps(contract))
    with pytest.raises(errors.PipelineError, match="the gallery is stale"):
        adding.read(broken)
    del contract["gallery"]
    (broken / "assets" / trained_contract.FILE).write_text(json.dumps(contract))
    with pytest.raises(errors.UserError, match="which searches no gallery"):
        adding.read(broken)


def test_the_command_names_what_is_missing(tmp_path, capsys):
    assert command.main(["add", str(tmp_path), "--output-dir", str(tmp_path / "none")]) == 2
    assert "which is no folder" in capsys.readouterr().err
    assert command.main(["add", str(tmp_path), "--output-dir", str(tmp_path)]) == 2
    assert "Models in serving" in capsys.readouterr().err
    output = output_folder.OutputFolder(tmp_path)
    output.serving("shop").mkdir(parents=True)
    assert command.main(["add", str(tmp_path), "--output-dir", str(tmp_path)]) == 2
    assert "holds no complete version" in capsys.readouterr().err


def test_nothing_to_read_is_said(exported, tmp_path):
    _, gallery = adding.read(exported.saved_model)
    with pytest.raises(errors.UserError, match="There is no file"):
        adding.embedded(exported.saved_model, tmp_path, gallery)
    assert np.isfinite(gallery.vectors).all()
