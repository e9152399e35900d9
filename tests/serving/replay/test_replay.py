import dataclasses
import json
import math
import shutil

import numpy as np
import pytest
import tensorflow as tf

from serving import __main__ as command
from serving import errors
from serving.client import predicted
from serving.replay import recording, replay, replay_report
from serving.versions import versions
from tests.models import LABELS
from tests.serving.served import encoded

pytestmark = pytest.mark.usefixtures("graphs_as_they_are")

IMAGES = 12


@pytest.fixture
def images(tmp_path):
    """Writes twelve files, one of them not an image, and a broken link."""
    folder = tmp_path / "images"
    folder.mkdir()
    for seed in range(IMAGES - 1):
        (folder / f"{seed:02d}.jpg").write_bytes(encoded(seed=seed))
    (folder / "text.jpg").write_bytes(b"no image")
    (folder / "lost.jpg").symlink_to(folder / "gone.jpg")
    return folder


@pytest.fixture
def run(capsys, model_dir, tmp_path):
    """Runs ``replay``; returns exit code, output, errors and the report."""

    def call(*arguments) -> tuple[int, str, str, dict]:
        report = tmp_path / "reports" / "replay.json"
        flags = ["replay", "--model-dir", model_dir, "--report", report, *arguments]
        code = command.main([str(flag) for flag in flags])
        out, error = capsys.readouterr()
        found = json.loads(report.read_text()) if report.exists() else {}
        return code, " ".join(out.split()), error, found

    return call


@pytest.fixture(scope="module")
def answers(exported) -> dict[int, dict[str, np.ndarray]]:
    """Returns the versions' answers for the readable images."""
    batch = tf.constant([encoded(seed=seed) for seed in range(IMAGES - 1)])
    return {
        number: {
            name: value.numpy()
            for name, value in tf.saved_model.load(str(path))
            .signatures["serving_default"](image_bytes=batch)
            .items()
        }
        for number, path in exported.items()
    }


@pytest.mark.landing
def test_a_label_map_that_has_grown(run, model_dir, images, answers):
    versions.rollback(model_dir)  # to version 1; version 2 has one more class
    code, out, said, found = run("--images", images, "--max-disagreement", 0)
    labels = [[name.decode() for name in answers[number]["label"]] for number in (1, 2)]
    differ = [index for index in range(IMAGES - 1) if labels[0][index] != labels[1][index]]
    assert found["disagreements"] == len(differ) > 0
    assert {one["image"] for one in found["label_changes"]} == {f"{i:02d}.jpg" for i in differ}
    sure = [min(one["scores"]) for one in found["label_changes"]]
    assert sure == sorted(sure, reverse=True)
    apart = np.abs(answers[1]["probabilities"] - answers[2]["probabilities"][:, :2])
    assert found["probabilities"]["mean_change"] == pytest.approx(apart.mean(), abs=1e-5)
    assert found["probabilities"]["largest_change"] == pytest.approx(apart.max(), abs=1e-5)
    assert [one["classes_of_its_own"] for one in found["versions"]] == [[], LABELS[2:]]
    assert (found["images"], found["read_by_neither"]) == (IMAGES, 1)
    assert found["unreadable"] == [{"name": "lost.jpg", "reason": "No such file or directory"}]
    assert all(0 < one["p50_ms"] <= one["p99_ms"] for one in found["versions"])
    fraction = f"{len(differ) / (IMAGES - 1):.1%}"
    assert f"Disagreements: {len(differ)} of {IMAGES - 1} ({fraction}); allowed 0.0%." in out
    assert f"Only version 2 has {LABELS[2]}." in out
    assert "lost.jpg could not be read: No such file or directory" in out
    assert code == 3
    assert said == (
        f"Failed: version 1 and version 2 disagree on {fraction} of the images; at most 0.0% is"
        " allowed (--max-disagreement).\n"
    )


def test_the_same_model_agrees_with_itself(run, model_dir, exported, tmp_path):
    shutil.copytree(exported[2], model_dir / "3")
    path = tmp_path / "recorded.jsonl"
    recorder = recording.Recorder(path, 1.0, 10**6, print)
    for seed in range(4):
        recorder.write([encoded(seed=seed), b"no image"])
    code, out, said, found = run("--recorded", path, "--limit", 4)
    assert (code, said) == (0, "")
    assert found["disagreements"] == found["probabilities"]["largest_change"] == 0
    assert [one["name"] for one in found["versions"]] == ["version 3", "version 2"]
    assert found["images"] == 4
    assert "4 of 8 recorded images; 0" not in out


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        (None, None, ("2", "10")),
        (None, "1", ("2", "1")),
        ("1", None, ("1", "10")),
        ("10", None, ("10", "2")),
        (None, "2", ("10", "2")),
        ("1", "2", ("1", "2")),
    ],
)
def test_which_versions(model_dir, exported, first, second, expected):
    """Version 2 is served, 10 is withdrawn."""
    shutil.copytree(exported[1], model_dir / "10")
    versions.rollback(model_dir, 2)
    chosen = replay.choose(model_dir, first, second)
    assert tuple(path.name for path in chosen) == expected


@pytest.mark.landing
def test_a_model_that_was_not_pushed(run, model_dir, exported, images):
    code, _, _, found = run("--images", images, "--to", exported[1], "--max-disagreement", 1)
    assert code == 0
    assert [one["name"] for one in found["versions"]] == ["version 2", str(exported[1])]


@pytest.mark.parametrize(
    ("flags", "sentence"),
    [
        (("--to", "9"), "has no complete version 9; it has 1, 2."),
        (("--from", "2", "--to", "2"), "--from and --to are both "),
        (("--to", "nowhere"), "The version nowhere does not load: "),
        (("--images", "nowhere"), "There is no folder nowhere; --images is"),
        (("--limit", "0"), "0 is not a whole number of at least 1"),
        (("--max-disagreement", "2"), "2 is not a fraction; allowed are 0 to 1"),
        (("--report", "a.pdf"), "a.pdf must end in .html or .json"),
        (("--recorded", "a.jsonl"), "not allowed with argument --images"),
    ],
)
def test_what_cannot_be_used(run, images, flags, sentence):
    code, _, said, _ = run("--images", images, *flags)
    assert code == 2
    assert said.startswith("Error: ")
    assert sentence in said
    assert said.count("\n") == 1


@pytest.mark.landing
def test_nothing_to_compare(run, model_dir, images):
    for path in images.glob("*.jpg"):
        if path.name != "lost.jpg":
            path.unlink()
    said = run("--images", images)[2]
    assert "None of 1 recorded images can be read; lost.jpg: No such file or directory." in said
    (images / "lost.jpg").unlink()
    assert "contains no files" in run("--images", images)[2]
    (images / "text").write_bytes(b"no image")
    code, _, said, _ = run("--images", images)
    assert (code, said) == (2, "Error: Neither version can read any of the 1 images.\n")
    shutil.rmtree(model_dir / "1")
    assert "has no version but 2; name a folder" in run("--images", images)[2]


@pytest.mark.landing
def test_a_damaged_version(run, model_dir, images):
    (model_dir / "1" / "variables" / "variables.data-00000-of-00001").write_bytes(b"")
    code, _, said, _ = run("--images", images)
    assert code == 2
    assert f"Error: The version {model_dir / '1'} does not load: " in said


@dataclasses.dataclass
class Answers:
    """Replaces a version: prepared predictions by the image's bytes."""

    name: str
    said: dict[bytes, predicted.Prediction]

    def labels(self) -> list[str]:
        return ["<b>cat</b>", "dog"]

    def predict(self, images) -> list[predicted.Prediction]:
        return [self.said[image] for image in images]


def prediction(cat: float, valid: bool = True, outlier: bool = False) -> predicted.Prediction:
    label = ("<b>cat</b>" if cat > 0.5 else "dog") if valid else ""
    score = max(cat, 1 - cat) if valid else 0.0
    values = np.array([cat, 1 - cat] if valid else [0.0, 0.0], np.float32)
    return predicted.Prediction(
        valid, label, score, values, "1", {"outlier": outlier}, labels=(label,) if valid else ()
    )


@pytest.fixture
def compared(tmp_path):
    """Returns a replay with a difference of each kind, and its images."""
    pairs = {
        "changed": (prediction(0.9), prediction(0.2)),
        "invalid": (prediction(0.9), prediction(0.9, valid=False)),
        "no number": (prediction(0.9), prediction(math.nan)),
        "outlier": (prediction(0.9), prediction(0.9, outlier=True)),
        "same": (prediction(0.9), prediction(0.8)),
        "surer": (prediction(0.95), prediction(0.0)),
        "text": (prediction(0.9, valid=False), prediction(0.9, valid=False)),
        "valid": (prediction(0.9, valid=False), prediction(0.9)),
    }
    for name in pairs:
        (tmp_path / name).write_bytes(name.encode())
    recorded = recording.of_folder(tmp_path)
    asked = [
        Answers(str(which), {name.encode(): pair[which] for name, pair in pairs.items()})
        for which in (0, 1)
    ]
    return replay.run(asked[0], asked[1], recorded), recorded


def test_each_kind_of_difference(compared):
    found, _ = compared
    assert [one.image for one in found.label_changes] == ["surer", "changed"]
    assert found.newly_invalid == ["invalid", "no number"]
    assert found.newly_valid == ["valid"]
    assert found.outlier_changes == {"outlier": (False, True)}
    assert (found.images, found.readable, found.disagreements) == (8, 7, 5)
    assert found.largest.image == "surer"
    assert found.largest.change == pytest.approx(0.95)
    assert found.mean_change == pytest.approx((0.7 + 0 + 0.1 + 0.95) / 4)
    assert [len(latencies) for latencies in found.latencies_s] == [8, 8]


def test_the_page(compared, tmp_path):
    found, recorded = compared
    (tmp_path / "surer").write_bytes(encoded())
    path = tmp_path / "reports" / "replay.html"
    replay_report.write(found, recorded, 0.02, path)
    page = path.read_text()
    assert "disagree on 5 of 7 images" in " ".join(page.split())
    assert "&lt;b&gt;cat&lt;/b&gt;" in page
    assert "<b>cat" not in page
    assert page.count("data:image/jpeg;base64,") == 1
    with pytest.raises(errors.UserError, match="cannot be written: Not a directory"):
        replay_report.write(found, recorded, 0.02, path / "in" / "a.json")
