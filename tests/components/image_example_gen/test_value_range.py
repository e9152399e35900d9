"""Images of more than 8 bits: one rule for the whole set, from the files to the records."""

import io
import shutil
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from components.image_example_gen import config, first_pass, index_update
from data.examples import examples_artifact
from data.images import decode, decode_config, range_choice
from data.images.value_range import FLOAT, INTEGER, Range
from data.sources import by_folder
from tests.components.image_example_gen import made

pytestmark = pytest.mark.xdist_group("ingest")

FULL = 4095


def ramp(largest: int, seed: int, side: int = 72) -> np.ndarray:
    """uint16 [side, side] from 0 to ``largest``, in another order for each seed."""
    rng = np.random.default_rng(seed)
    coarse = Image.fromarray(rng.random((6, 6)).astype(np.float32))
    smooth = np.asarray(coarse.resize((side, side), Image.Resampling.BICUBIC), np.float64)
    smooth = (smooth - smooth.min()) / np.ptp(smooth)
    return np.round(smooth * largest).astype(np.uint16)


def encoded(values: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(values).save(buffer, "PNG")
    return buffer.getvalue()


def save(path: Path, values: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(values).save(path)


@pytest.fixture
def xrays(tmp_path) -> Path:
    """12-bit images in 16-bit PNGs, and a few of 8 bits."""
    root = tmp_path / "images"
    for number in range(10):
        for offset, name in enumerate(("ill", "well")):
            seed = 2 * number + offset
            save(root / name / f"{number}.png", ramp(FULL, seed))
    eight_bits = (ramp(255, 50) >> 2).astype(np.uint8)
    save(root / "ill" / "eight.png", eight_bits)
    return root


class Looks:
    """Looks at files as an engine does, and keeps what it was asked for."""

    def __init__(self, root: Path, job: config.IngestJob) -> None:
        self.root, self.job = root, job
        self.asked: list[tuple[set[str], Range]] = []

    def __call__(self, tasks, scale) -> None:
        self.asked.append(({task.path for task in tasks}, scale.integers))
        made.look(self.root, self.job, tasks, scale)


def inspected(root: Path, state: Path, setting="auto") -> tuple[index_update.Inspected, Looks]:
    """Runs the first pass alone, and stores its results as an ingest does."""
    listing = by_folder.scan(root)
    job = made.job_for(listing, state, value_range=setting)
    looks = Looks(root, job)
    found = index_update.inspect(listing, job, looks)
    first_pass.Workspace.of(job).remember(found.listed, {})
    return found, looks


def pixels(
    root: Path, state: Path, found: index_update.Inspected, path: str, setting="auto"
) -> np.ndarray:
    """Decodes the stored image of a file, uint8 [H, W]."""
    workspace = first_pass.Workspace.of(made.job_for(found.listing, state, value_range=setting))
    row = found.rows[path]
    content = workspace.encoded(row.sha256, row.result).read_bytes()
    return tf.io.decode_png(content, channels=1).numpy()[..., 0]


def test_dark_and_bright_images_of_a_set_keep_their_ratio(tmp_path):
    values = ramp(255, 1)
    save(tmp_path / "images" / "a" / "dark.png", values)
    save(tmp_path / "images" / "b" / "bright.png", values * 200)
    found, _ = inspected(tmp_path / "images", tmp_path / "state")
    dark = pixels(tmp_path / "images", tmp_path / "state", found, "a/dark.png")
    bright = pixels(tmp_path / "images", tmp_path / "state", found, "b/bright.png")
    np.testing.assert_allclose(bright, dark.astype(float) * 200, atol=100.5)
    assert (dark.max(), bright.max()) == (1, 198)  # of 65535, where 255 and 198 were stored


def test_twelve_bits_keep_their_grey_levels(xrays, tmp_path):
    found, looks = inspected(xrays, tmp_path / "state")
    assert found.scale.integers == Range(0, FULL)
    stored = pixels(xrays, tmp_path / "state", found, "ill/0.png")
    assert len(np.unique(stored)) > 200
    np.testing.assert_array_equal(stored, np.round(ramp(FULL, 0) * 255.0 / FULL))
    assert found.rows["ill/eight.png"].result.values is None
    assert not found.rows["ill/eight.png"].result.reencoded
    # Decoded twice at the first time, since the range is known when all were looked at; then never.
    assert [len(paths) for paths, _ in looks.asked] == [21, 20]
    again, looks = inspected(xrays, tmp_path / "state")
    assert looks.asked == []
    assert (again.decoded, again.scaled) == (0, found.scaled)


def test_a_whole_ingest_tells_it_and_growth_moves_no_image(xrays, tmp_path):
    first, _ = made.run(xrays, tmp_path / "one", tmp_path / "state")
    assert first.reading.value_range == Range(0, FULL)
    assert first.reading.float_range is None
    assert [scaled.rescaled for scaled in first.scaled] == [0]
    assert "20 files hold grey integers of 16 bits or more, values up to 4095" in (
        first.scaled[0].sentence()
    )
    stored = examples_artifact.read_report(str(tmp_path / "one"))
    assert (stored.reading, stored.scaled) == (first.reading, first.scaled)
    before = {image.path: image for image in examples_artifact.read_catalog(str(tmp_path / "one"))}
    save(xrays / "well" / "new.png", ramp(60_000, 77))
    second, _ = made.run(xrays, tmp_path / "two", tmp_path / "state")
    after = {image.path: image for image in examples_artifact.read_catalog(str(tmp_path / "two"))}
    assert second.reading.value_range == Range(0, 65_535)
    assert (second.decoded, second.scaled[0].rescaled) == (1, 20)
    assert "20 of them had another range before and are stored again" in second.scaled[0].sentence()
    for path, image in before.items():
        assert after[path].split == image.split
        assert after[path].info.phash == image.info.phash
    assert after["ill/0.png"].info.quality.brightness < before["ill/0.png"].info.quality.brightness
    records = [row for rows in made.stored(tmp_path / "two").values() for row in rows]
    (record,) = (row for row in records if row["image/filename"] == b"ill/0.png")
    found = tf.io.decode_png(record["image/encoded"], channels=1).numpy()[..., 0]
    np.testing.assert_array_equal(found, np.round(ramp(FULL, 0) / 257))


def test_no_image_is_scaled_twice_while_the_range_stays(xrays, tmp_path):
    inspected(xrays, tmp_path / "state")
    save(xrays / "well" / "new.png", ramp(3000, 77))
    found, looks = inspected(xrays, tmp_path / "state")
    assert looks.asked == [({"well/new.png"}, Range(0, FULL))]
    assert found.scaled[0].rescaled == 0


def test_another_setting_decodes_those_images_alone(xrays, tmp_path):
    inspected(xrays, tmp_path / "state")
    found, looks = inspected(xrays, tmp_path / "state", (0.0, 2000.0))
    assert [(len(paths), used) for paths, used in looks.asked] == [(20, Range(0, 2000))]
    assert found.decoded == 0
    assert found.scaled[0].clipped == 20
    stored = pixels(xrays, tmp_path / "state", found, "ill/0.png")
    np.testing.assert_array_equal(stored, np.round(np.minimum(ramp(FULL, 0), 2000) * 255.0 / 2000))


@pytest.mark.landing
def test_percentiles_are_of_the_whole_set(xrays, tmp_path):
    inspected(xrays, tmp_path / "state")
    save(xrays / "well" / "hot.png", np.where(ramp(FULL, 3) == FULL, 65_535, 700).astype("u2"))
    found, _ = inspected(xrays, tmp_path / "state", "percentile")
    everything = np.concatenate(
        [
            np.asarray(Image.open(path)).ravel()
            for path in xrays.rglob("*.png")
            if "eight" not in str(path)
        ]
    )
    expected = np.percentile(everything, (0.5, 99.5), method="inverted_cdf")
    np.testing.assert_allclose(found.scale.integers, expected, rtol=1 / 256, atol=0.5)
    assert found.scaled[0].clipped == 21
    again, looks = inspected(xrays, tmp_path / "state", "percentile")
    assert (looks.asked, again.scale) == ([], found.scale)
    # A histogram that is lost is made again; the folder keeps none of files that are gone.
    kept = sorted(Path(tmp_path / "state").glob("decoded-*/histograms/*/*"))
    assert len(kept) == 21
    kept[0].unlink()
    (xrays / "well" / "hot.png").unlink()
    inspected(xrays, tmp_path / "state", "percentile")
    assert len(list(Path(tmp_path / "state").glob("decoded-*/histograms/*/*"))) == 20


def test_a_file_that_changes_between_two_looks_is_told(xrays, tmp_path):
    listing = by_folder.scan(xrays)
    job = made.job_for(listing, tmp_path / "state")
    looks = Looks(xrays, job)

    def look(tasks, scale):
        if looks.asked:
            save(xrays / "ill" / "0.png", ramp(65_535, 0))
            (xrays / "ill" / "1.png").write_bytes(b"no image any more")
        looks(tasks, scale)

    found = index_update.inspect(listing, job, look)
    assert len(looks.asked) == 2
    assert found.rows["ill/0.png"].result.reason == "changed"
    assert found.rows["ill/1.png"].result.reason == "not_an_image"
    assert found.rows["ill/2.png"].result.values.scaled == Range(0, FULL)


def test_other_types_of_values(tmp_path, shared):
    """32-bit integers and floating-point numbers have ranges of their own."""
    root = tmp_path / "images"
    odd = shared("odd_images") / "tiff"
    (root / "a").mkdir(parents=True)
    for name in (
        "pillow_Tests_images_16_bit_binary_pgm.tiff",
        "pillow_Tests_images_16bit.deflate.tif",
    ):
        shutil.copy(odd / name, root / "a" / name)
    save(root / "b" / "unit.tif", (ramp(1000, 3) / 2000).astype(np.float32))
    flat = np.full((40, 40), np.nan, np.float32)
    save(root / "b" / "nothing.tif", flat)
    found, _ = inspected(root, tmp_path / "state")
    assert {scaled.kind: (scaled.files, scaled.range) for scaled in found.scaled} == {
        INTEGER: (2, Range(0, 65_535)),
        FLOAT: (2, Range(0, 1)),
    }
    stored = pixels(root, tmp_path / "state", found, "b/unit.tif")
    assert stored.max() == 128
    assert not pixels(root, tmp_path / "state", found, "b/nothing.tif").any()


def test_the_hash_does_not_depend_on_the_range():
    values = ramp(FULL, 9)
    hashes = set()
    for high in (700, FULL, 65_535):
        scale = range_choice.decide((0, high), {}, {})[0]
        hashes.add(
            decode.decode(encoded(values), decode_config.DecodeConfig(), scale=scale).info.phash
        )
    assert len(hashes) == 1
    eight_bits = decode.decode(
        encoded(np.round(values / FULL * 255).astype(np.uint8)), decode_config.DecodeConfig()
    )
    (deep,) = hashes
    assert (int(deep, 16) ^ int(eight_bits.info.phash, 16)).bit_count() <= 8
