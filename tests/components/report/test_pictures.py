import base64
import dataclasses
import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from components.preprocess import materialise
from components.report import pictures
from components.trainer import config as train_config
from components.trainer import served_model
from components.trainer.network import model
from data.examples import example, records
from data.images import decode, decode_config
from tasks.pages import parts
from tests.data.pictures import noise, saved

LABELS = ["a", "b"]


@dataclasses.dataclass(frozen=True)
class Wanted:
    """Images to draw, and the classes whose heat maps each needs."""

    labels: dict[str, tuple[str, ...]]
    cut: dict[str, list[parts.Crop]] = dataclasses.field(default_factory=dict)

    def paths(self):
        return self.labels.keys()

    def explained(self, path):
        return self.labels[path]

    def crops(self, path):
        return self.cut.get(path, ())


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> list[str]:
    root = tmp_path_factory.mktemp("pictures") / "Split-test"
    rows = []
    for index in range(20):
        content = saved(noise(30, 50, index), "PNG")
        info = decode.decode(content, decode_config.DecodeConfig()).info
        source = example.ImageSource(f"{index}.png", ("a",), (0,), "00")
        rows.append(example.Encoder().encode(content, info, source))
    records.write(str(Path(root) / records.shard_name(0, 1)), rows)
    return records.files(str(root))


@pytest.mark.usefixtures("graphs_as_they_are")
def test_images_are_drawn_as_the_model_sees_them(files):
    spec = materialise.Spec(32, "letterbox", LABELS, {})
    settings = train_config.TrainConfig(backbone="cnn", weights="random")
    contract = served_model.contract(spec, "cnn", 128)
    explainer = served_model.explainer(model.build(settings, spec), "cnn")
    wanted = {f"{index}.png" for index in range(18)} | {"missing.png"}
    drawn = pictures.draw(explainer, contract, files, Wanted(dict.fromkeys(wanted, ())))
    assert drawn.keys() == wanted - {"missing.png"}
    plain, overlay = (
        Image.open(io.BytesIO(base64.b64decode(uri.removeprefix("data:image/jpeg;base64,"))))
        for uri in drawn["0.png"][:2]
    )
    assert plain.size == overlay.size == (32, 32)
    # Letterboxed: the band above the image is one colour, the image is not.
    assert np.asarray(plain)[:4].std() < 10 < np.asarray(plain)[10:20].std()


@pytest.mark.usefixtures("graphs_as_they_are")
def test_an_image_has_the_heat_map_of_each_label_in_question(files):
    spec = materialise.Spec(32, "letterbox", LABELS, {})
    settings = train_config.TrainConfig(backbone="cnn", weights="random")
    contract = served_model.contract(spec, "cnn", 128)
    explainer = served_model.explainer(model.build(settings, spec), "cnn")
    wanted = Wanted({"0.png": ("a", "b"), "1.png": (), "2.png": ("b", "new")})
    drawn = pictures.draw(explainer, contract, files, wanted)
    assert drawn["0.png"].of.keys() == {"a", "b"}
    assert drawn["0.png"].of["a"] != drawn["0.png"].of["b"]
    assert (drawn["0.png"].overlay, drawn["1.png"].of) == ("", {})
    assert drawn["2.png"].of.keys() == {"b"}
    assert all(picture.has_heat for picture in drawn.values())
    [whole] = pictures.draw(explainer, contract, files, Wanted({"0.png": ()})).values()
    assert whole.overlay in drawn["0.png"].of.values()


# Of 30 × 50 px: in the square 64 × 64, 38 × 64 from row 13 on, or its middle 30 × 30.
@pytest.mark.parametrize(
    ("mode", "rows", "columns"),
    [
        ("stretch", (26, 64), (8, 44)),
        ("letterbox", (28, 55), (8, 44)),
        ("center_crop", (26, 64), (0, 51)),
    ],
)
def test_a_part_of_an_image_is_cut_with_its_surroundings(files, mode, rows, columns):
    contract = served_model.contract(materialise.Spec(64, mode, LABELS, {}), "cnn", 128)
    size = (30, 50)
    cut = {"1.png": [parts.Crop((15, 10, 30, 30), size), parts.Crop((0, 0, 9, 7), size)]}
    drawn = pictures.draw(None, contract, files, Wanted({"1.png": ()}, cut))["1.png"]
    whole, part = (
        np.asarray(
            Image.open(io.BytesIO(base64.b64decode(uri.removeprefix("data:image/jpeg;base64,"))))
        ).astype(int)
        for uri in (drawn.image, drawn.crops[0])
    )
    expected = whole[slice(*rows), slice(*columns)]
    assert part.shape == expected.shape
    assert np.abs(part - expected).mean() < 20  # JPEG of noise
    # Of the second one, nothing is left in the middle.
    assert (drawn.crops[1] == "") == (mode == "center_crop")
