import base64
import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from components.preprocess import materialise
from components.report import config, pictures
from components.trainer import config as train_config
from components.trainer import export
from components.trainer.network import model
from data.examples import example, records
from data.images import decode
from tasks.classification import answers as predictions
from tests.data.pictures import noise, saved

LABELS = ["a", "b"]


def answers(rows: list[tuple[int, float]], valid: list[bool] | None = None):
    """Predictions of two classes: of each image the true class and the probability of "b"."""
    label_ids = np.array([label for label, _ in rows], np.int64)
    second = np.array([value for _, value in rows], np.float32)
    flags = np.array([True] * len(rows) if valid is None else valid)
    probabilities = np.stack([1 - second, second], 1) * flags[:, None]
    paths = [f"{index}.png" for index in range(len(rows))]
    zeros = np.zeros(len(rows), np.float32)
    return predictions.Predictions(LABELS, paths, label_ids, probabilities, flags, zeros)


def test_mistakes_are_chosen_before_hits_and_the_surest_first():
    found = answers([(0, 0.1), (0, 0.6), (0, 0.9), (1, 0.8), (1, 0.3), (0, 0.0)])
    assert pictures.cells(found, per_cell=2, most=5) == {
        (0, 1): ["2.png", "1.png"],
        (1, 0): ["4.png"],
        (0, 0): ["5.png", "0.png"],
    }
    assert pictures.cells(found, per_cell=0, most=5) == {}


def test_an_image_that_was_not_read_is_in_the_last_column():
    found = answers([(0, 0.1), (1, 0.9)], valid=[True, False])
    assert pictures.cells(found, 1, 9) == {(1, 2): ["1.png"], (0, 0): ["0.png"]}


def test_all_that_is_listed_is_drawn():
    found = answers([(0, 0.1), (0, 0.9), (1, 0.5), (1, 0.9)])
    chosen = pictures.choose(found, config.ReportConfig(pictures_per_cell=0, listed=1))
    assert [row.path for row in chosen.worst] == ["1.png"]
    assert [row.path for row in chosen.doubtful] == ["2.png"]
    assert chosen.paths() >= {"1.png", "2.png"}


def test_label_errors_are_counted_beyond_those_shown():
    found = answers([(0, 0.1), (0, 0.2), (0, 0.9), (1, 0.1), (1, 0.9), (1, 0.8)])
    chosen = pictures.choose(found, config.ReportConfig(listed=1))
    assert (len(chosen.mislabelled), chosen.label_errors) == (1, 2)


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> list[str]:
    root = tmp_path_factory.mktemp("pictures") / "Split-test"
    rows = []
    for index in range(20):
        content = saved(noise(30, 50, index), "PNG")
        info = decode.decode(content, decode.DecodeConfig()).info
        source = example.ImageSource(f"{index}.png", "a", 0, "00")
        rows.append(example.Encoder().encode(content, info, source))
    records.write(str(Path(root) / records.shard_name(0, 1)), rows)
    return records.files(str(root))


@pytest.mark.usefixtures("graphs_as_they_are")
def test_images_are_drawn_as_the_model_sees_them(files):
    spec = materialise.Spec(32, "letterbox", LABELS, {})
    settings = train_config.TrainConfig(backbone="cnn", weights="random")
    contract = export.contract(spec, "cnn", 128)
    explainer = export.explainer(model.build(settings, 32, 2), "cnn")
    wanted = {f"{index}.png" for index in range(18)} | {"missing.png"}
    drawn = pictures.draw(explainer, contract, files, wanted)
    assert drawn.keys() == wanted - {"missing.png"}
    plain, overlay = (
        Image.open(io.BytesIO(base64.b64decode(uri.removeprefix("data:image/jpeg;base64,"))))
        for uri in drawn["0.png"]
    )
    assert plain.size == overlay.size == (32, 32)
    # Letterboxed: the band above the image is one colour, the image is not.
    assert np.asarray(plain)[:4].std() < 10 < np.asarray(plain)[10:20].std()
