"""Hundreds of odd and broken images among good ones: all accounted for, and what passes is right."""

import csv
import io
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image, ImageOps

from components.image_example_gen import report_checks
from data.examples import example
from data.graph import decoding, plain_decoding
from data.images import decoder_pool, image_reading, refusals
from tests.components.image_example_gen import made
from tests.data.pictures import noise

CLASSES = ("one", "two", "three")
pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture(scope="module")
def odd(shared) -> Path:
    return shared("odd_images")


@pytest.fixture(scope="module")
def manifest(odd) -> dict[str, dict[str, str]]:
    with (odd / "manifest.csv").open(newline="") as file:
        return {row["file"]: row for row in csv.DictReader(file)}


@pytest.fixture(scope="module")
def ingested(odd, manifest, tmp_path_factory):
    """Spreads the odd files over class folders, with 20 good images in each."""
    root = tmp_path_factory.mktemp("odd")
    for number, name in enumerate(sorted(manifest)):
        folder = root / "images" / CLASSES[number % 3] / os.path.dirname(name)
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copy(odd / name, folder / os.path.basename(name))
    for number in range(60):
        path = root / "images" / CLASSES[number % 3] / f"good{number}.jpg"
        noise(60, 80, seed=number).save(path, quality=95)
    outcome, listing = made.run(root / "images", root / "out", decoders=decoder_pool.DecoderPool)
    report_checks.check(outcome, listing, "quarantine.csv")
    return root, outcome, listing


def original_name(path: str) -> str:
    return path.split("/", 1)[1]


def test_every_file_is_accounted_for(ingested, manifest):
    _, outcome, listing = ingested
    assert len(listing.files) == len(manifest) + 60
    assert outcome.found == listing.found
    assert {row.reason for row in outcome.quarantined} <= refusals.REASONS.keys()


def test_what_no_decoder_reads_is_quarantined(ingested, manifest):
    _, outcome, _ = ingested
    found = {original_name(row.path): row.reason for row in outcome.quarantined}
    hopeless = {
        name
        for name, row in manifest.items()
        if row["pillow"] != "ok" and row["tf_2_16_decode_image"] != "ok"
    }
    assert len(hopeless) > 20
    assert hopeless <= found.keys()


def test_what_pillow_reads_is_not_lost(ingested, manifest):
    _, outcome, _ = ingested
    found = {original_name(row.path): row.reason for row in outcome.quarantined}
    lost = {
        name: found[name]
        for name, row in manifest.items()
        if row["pillow"] == "ok" and name in found
    }
    assert set(lost.values()) <= {"too_small", "too_many_pixels"}, lost
    assert not any(name.startswith("good") for name in found)


def shown_by_pillow(content: bytes) -> np.ndarray | None:
    """Renders what a viewer shows: upright, on white; None for modes that viewers disagree on."""
    with Image.open(io.BytesIO(content)) as image:
        if image.mode.startswith(("I", "F")) or "icc_profile" in image.info:
            return None
        upright = ImageOps.exif_transpose(image)
        if upright.has_transparency_data:
            layer = upright.convert("RGBA")
            white = Image.new("RGBA", layer.size, "white")
            upright = Image.alpha_composite(white, layer)
        return np.asarray(upright.convert("RGB"))


def test_every_record_decodes_in_tensorflow_to_what_pillow_shows(ingested):
    root, outcome, _ = ingested
    compared = 0
    for rows in made.stored(root / "out").values():
        for row in rows:
            path = os.fsdecode(row[example.FILENAME])
            stored = tf.constant(row[example.ENCODED])
            pixels = plain_decoding.decode(stored).numpy()
            assert pixels.shape == (row[example.HEIGHT], row[example.WIDTH], 3), path
            by_headers, reason = decoding.reader(image_reading.STORED)(stored)
            assert not reason.numpy(), path
            np.testing.assert_array_equal(pixels, by_headers, path)
            expected = shown_by_pillow((root / "images" / path).read_bytes())
            if expected is None:
                continue
            compared += 1
            assert expected.shape == pixels.shape, path
            difference = np.abs(expected.astype(int) - pixels)
            lossless = row[example.FORMAT] == b"PNG"
            assert difference.mean() <= (0.5 if lossless else 4), path
    assert compared > 200
    assert sum(outcome.counts().values()) > compared


def test_the_source_was_not_written_to(ingested, odd, manifest):
    root, _, _ = ingested
    for number, name in enumerate(sorted(manifest)):
        copy = root / "images" / CLASSES[number % 3] / name
        assert copy.read_bytes() == (odd / name).read_bytes()
