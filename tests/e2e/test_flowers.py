"""A whole run on real photographs, with the default recipe and every export."""

import json
from pathlib import Path

import pytest
import tensorflow as tf

from components.trainer.exports import exports_file, formats, runtime
from data.graph import decoding

pytestmark = [pytest.mark.landing, pytest.mark.xdist_group("runs")]

# With 20 eval images, one that lies between two classes is 2 % of all that int8 is asked about.
ROOM_FOR_INT8 = (
    "--gate.exports.tflite-int8.max-difference=0.9",
    "--gate.exports.tflite-int8.min-agreement=0.7",
)


def test_flowers(shared, tmp_path, forked):
    data = shared("datasets/flower_photos_200")
    exported = ("--train.exports.formats", ",".join(formats.REGISTRY), *ROOM_FOR_INT8)
    done = forked.run("--data-dir", data, "--output-dir", tmp_path / "out", *exported)
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert sum(found["examples"].values()) == 200
    assert found["quarantined"] == 0
    # Chance is 20 %; the test split is small, so the bound leaves room.
    assert found["metrics"]["accuracy"] >= 0.6
    pushed = Path(found["pushed"]["path"])
    served = tf.saved_model.load(str(pushed)).signatures["serving_default"]
    folders = sorted(path for path in data.iterdir() if path.is_dir())
    paths = [path for folder in folders for path in sorted(folder.glob("*.jpg"))[:8]]
    outputs = served(image_bytes=tf.constant([path.read_bytes() for path in paths]))
    assert outputs["valid"].numpy().all()
    right = [
        label.decode() == path.parent.name
        for label, path in zip(outputs["label"].numpy(), paths, strict=True)
    ]
    assert sum(right) / len(right) >= 0.8
    assert pushed.parent == Path(found["model_dir"])
    decided = json.loads(next((tmp_path / "out").rglob("decision.json")).read_text())
    (parity,) = [check for check in decided["checks"] if check["name"] == "parity"]
    assert "the running server" in parity["message"]
    assert any("The server loaded the model" in reason for reason in found["reasons"])
    pixels, _ = decoding.batch_pixels(
        tf.constant([path.read_bytes() for path in paths]), **resizing(pushed)
    )
    for one in exports_file.read(pushed):
        assert any(f"The export {one.format} gives the label" in why for why in found["reasons"])
        answer = runtime.ask(one.format, pushed / exports_file.FOLDER / one.file, pixels.numpy())
        same = answer.argmax(axis=1) == outputs["probabilities"].numpy().argmax(axis=1)
        assert same.mean() >= 0.8, one.format
    assert len(exports_file.read(pushed)) == len(formats.ALL)


def resizing(pushed: Path) -> dict[str, object]:
    """How a program that has nothing but the exports learns to prepare an image."""
    described = json.loads((pushed / exports_file.FOLDER / exports_file.FILE).read_text())
    return {"size_px": described["image_size_px"], "mode": described["resize"]}
