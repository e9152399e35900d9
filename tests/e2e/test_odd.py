"""A whole run on good digits among hundreds of odd and broken images."""

import csv
import shutil

import pytest

from pipeline.outcome import summary

pytestmark = [pytest.mark.landing, pytest.mark.xdist_group("runs")]


def test_odd_and_broken_images_do_not_stop_a_run(shared, digits_dir, tmp_path, forked):
    odd = shared("odd_images")
    with (odd / "manifest.csv").open(newline="") as file:
        names = sorted(row["file"] for row in csv.DictReader(file))
    classes = ("0", "1", "2")
    for name in classes:
        shutil.copytree(digits_dir / name, tmp_path / "images" / name)
    for number, name in enumerate(names):
        target = tmp_path / "images" / classes[number % 3] / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(odd / name, target)
    flags = ["--data-dir", tmp_path / "images", "--output-dir", tmp_path / "out"]
    small = ["--preprocess.size-px", 32, "--train.backbone", "cnn", "--train.weights", "random"]
    small += ["--train.scratch-epochs", 1, "--report.robustness-images", 20]
    done = forked.run(*flags, *small, "--gate.min-accuracy", 0)
    assert done.returncode == 0, done.stdout + done.stderr
    found = summary.Summary.model_validate_json((tmp_path / "out" / "summary.json").read_text())
    assert sum(found.examples.values()) + found.quarantined == len(names) + 180
    assert found.pushed is not None
    assert "Traceback" not in done.stdout + done.stderr
