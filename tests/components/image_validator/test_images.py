"""The validation on images that ingest has read: planted faults are found, named and removed."""

import io
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image, ImageEnhance, ImageFilter

from components.image_validator import clean, config, embedding, findings, page, validate
from data import errors
from data.examples import example, examples_artifact
from serving import served_version
from tests import saved_models
from tests.components.image_example_gen import made
from tests.data import encodings

pytestmark = pytest.mark.xdist_group("ingest")

CLASSES = ("cat", "dog")


def photo(seed: int) -> Image.Image:
    """Makes a colour image with structure at every scale, as photographs have."""
    random = np.random.default_rng(seed)
    total = np.zeros([120, 160, 3])
    for side in (3, 6, 12, 24, 48, 96):
        for channel in range(3):
            layer = Image.fromarray(random.normal(size=(side, side)).astype(np.float32))
            scaled = layer.resize((160, 120), Image.Resampling.BICUBIC)
            total[..., channel] += np.asarray(scaled) / side**0.5
    return Image.fromarray(np.clip(128 + 60 * total / total.std(), 0, 255).astype(np.uint8))


@pytest.fixture(scope="module")
def photos(tmp_path_factory) -> Path:
    """Two classes of 30 images in given splits; nothing wrong with any."""
    root = tmp_path_factory.mktemp("photos")
    for label, name in enumerate(CLASSES):
        for number in range(30):
            part = "train" if number < 20 else "val" if number < 25 else "test"
            folder = root / part / name
            folder.mkdir(parents=True, exist_ok=True)
            photo(100 * label + number).save(folder / f"{number:02d}.jpg", quality=92)
    return root


@pytest.fixture
def planted(photos, tmp_path) -> Path:
    return Path(shutil.copytree(photos, tmp_path / "images"))


def validated(root: Path, output: Path, **settings) -> tuple[validate.Outcome, object]:
    made.run(root, output)
    job = config.ValidateJob(
        config=config.ValidateConfig(**settings),
        label_file=str(output / "none.json"),
        serving_dir=str(output / "none"),
        state_dir="",
    )
    data = validate.read(str(output), [], job)
    return validate.run(data), data


def found_in(root: Path, output: Path, **settings) -> dict[str, set[str]]:
    """Check → the files that it names."""
    outcome, _ = validated(root, output, **settings)
    return {
        finding.check: {path for case in finding.cases for path in case.paths}
        for finding in outcome.findings
    }


def test_a_clean_set_has_no_finding(photos, tmp_path):
    assert found_in(photos, tmp_path / "out") == {}


def recompressed(image: Image.Image, quality: int) -> Image.Image:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality)
    return Image.open(buffer)


PLANTS = {
    "resized": lambda image: image.resize((100, 75)),
    "re-compressed": lambda image: recompressed(image, 40),
    "cropped by 2 %": lambda image: image.crop((2, 1, 158, 119)),
    "all of it": lambda image: recompressed(image.crop((2, 1, 158, 119)).resize((120, 90)), 60),
}


@pytest.mark.parametrize("name", PLANTS)
@pytest.mark.parametrize(
    ("where", "check"),
    [
        ("train/cat", "near_duplicates"),
        ("train/dog", "near_label_conflicts"),
        ("test/cat", "near_split_leaks"),
    ],
)
def test_a_near_duplicate_is_found(planted, tmp_path, name, where, check):
    PLANTS[name](Image.open(planted / "train/cat/03.jpg")).save(planted / where / "planted.png")
    named = {"train/cat/03.jpg", f"{where}/planted.png"}
    assert found_in(planted, tmp_path / "out") == {check: named}


@pytest.mark.parametrize(
    ("where", "check"),
    [("train/cat", "duplicates"), ("train/dog", "label_conflicts"), ("test/cat", "split_leaks")],
)
def test_an_exact_duplicate_is_found(planted, tmp_path, where, check):
    shutil.copy(planted / "train/cat/03.jpg", planted / where / "copy.jpg")
    named = {"train/cat/03.jpg", f"{where}/copy.jpg"}
    assert found_in(planted, tmp_path / "out") == {check: named}


@pytest.mark.parametrize(
    ("check", "change"),
    [
        ("too_dark", lambda image: ImageEnhance.Brightness(image).enhance(0.12)),
        ("blurry", lambda image: image.filter(ImageFilter.GaussianBlur(4))),
        ("blank", lambda image: Image.new("RGB", image.size, (90, 120, 60))),
        ("greyscale", lambda image: image.convert("L")),
        ("odd_aspect_ratio", lambda image: image.crop((0, 40, 160, 80))),
    ],
)
def test_a_bad_image_is_found(planted, tmp_path, check, change):
    change(photo(777)).save(planted / "train/dog/odd.png")
    found = found_in(planted, tmp_path / "out")
    assert found.pop(check) == {"train/dog/odd.png"}
    assert found.keys() <= {"low_contrast"}  # the dark one has little of it too


def test_taken_out_images_are_in_no_record_and_in_quarantine(planted, tmp_path):
    shutil.copy(planted / "train/cat/03.jpg", planted / "train/dog/copy.jpg")
    shutil.copy(planted / "val/cat/21.jpg", planted / "test/cat/leak.jpg")
    (planted / "train/cat/broken.jpg").write_bytes(b"broken")
    outcome, data = validated(planted, tmp_path / "out")
    source, target = str(tmp_path / "out"), str(tmp_path / "clean")
    clean.write(source, target, data.images, outcome.removed, outcome.report)
    gone = {"train/cat/03.jpg", "train/dog/copy.jpg", "val/cat/21.jpg"}
    names = lambda uri: {  # noqa: E731
        row[example.FILENAME].decode() for rows in made.stored(Path(uri)).values() for row in rows
    }
    assert names(source) - names(target) == gone
    assert {image.path for image in examples_artifact.read_catalog(target)} == names(target)
    report = examples_artifact.read_report(target)
    assert {row.path: row.reason for row in report.quarantined} == {
        "train/cat/03.jpg": "label_conflicts",
        "train/dog/copy.jpg": "label_conflicts",
        "val/cat/21.jpg": "split_leaks",
        "train/cat/broken.jpg": "not_an_image",
    }
    assert report.found == examples_artifact.read_report(source).found
    assert sum(report.counts().values()) == len(names(target))
    assert examples_artifact.read_labels(target) == list(CLASSES)


def test_shards_that_lose_nothing_are_not_copied(photos, tmp_path):
    outcome, data = validated(photos, tmp_path / "out")
    clean.write(str(tmp_path / "out"), str(tmp_path / "clean"), data.images, [], outcome.report)
    for part in ("train", "eval", "test"):
        for one, other in zip(
            examples_artifact.shards(str(tmp_path / "out"), part),
            examples_artifact.shards(str(tmp_path / "clean"), part),
            strict=True,
        ):
            assert Path(one).samefile(other)


def test_single_records_are_read_by_their_place(photos, tmp_path):
    made.run(photos, tmp_path / "out", shard_bytes=1 << 14)
    images = list(examples_artifact.read_catalog(str(tmp_path / "out")))
    wanted = set(range(0, len(images), 7))
    read = dict(clean.read_encoded(str(tmp_path / "out"), images, wanted))
    assert read.keys() == wanted
    for position, content in read.items():
        assert content == (photos / images[position].path).read_bytes()


def test_the_page_shows_the_findings(planted, tmp_path):
    hostile = planted / "train" / "cat" / "<script>alert(1)</script>.jpg".replace("/", "∕")
    shutil.copy(planted / "train/cat/03.jpg", hostile)
    (planted / "train/cat/bad\udcff.jpg").write_bytes(b"broken")
    outcome, data = validated(planted, tmp_path / "out")
    text = page.make(data, outcome, str(tmp_path / "out"))
    assert "2 of 61 images: copies of others in their class and split." in text
    assert text.count("data:image/jpeg;base64,") == 2
    assert "<script" not in text
    assert "&lt;script&gt;" in text
    assert "train/cat/bad\\udcff.jpg" in text
    assert not re.search(r"""(src|href)=["'](?!data:)""", text)  # nothing is fetched
    text.encode("utf-8")


def test_a_blocking_message_can_be_printed(planted, tmp_path):
    shutil.copy(planted / "train/cat/03.jpg", planted / "train/dog/odd\udcff.jpg")
    outcome, _ = validated(planted, tmp_path / "out", label_conflicts="block")
    with pytest.raises(errors.DataError) as caught:
        findings.block(outcome.findings, "page.html")
    assert "train/cat/03.jpg = train/dog/odd\\udcff.jpg" in str(caught.value).encode().decode()


def test_the_page_of_a_clean_set(photos, tmp_path):
    outcome, data = validated(photos, tmp_path / "out")
    assert "No findings." in page.make(data, outcome, str(tmp_path / "out"))


def test_the_model_in_serving_sees_a_drift(photos, tmp_path):
    """Writes a SavedModel with the signature that the pipeline pushes: here, the mean colour."""

    class Model(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="image_bytes")])
        def embed(self, image_bytes):
            def mean(encoded):
                pixels = tf.io.decode_image(encoded, 3, expand_animations=False)
                return tf.reduce_mean(tf.cast(pixels, tf.float32), axis=[0, 1])

            return {"embedding": tf.map_fn(mean, image_bytes, fn_output_signature=tf.float32)}

    model = Model()
    signatures = {"serving_default": model.embed, "embed": model.embed}
    tf.saved_model.save(model, str(tmp_path / "serving" / "7"), signatures=signatures)
    saved_models.damage(tmp_path / "serving" / "8")  # as a server does, it is passed over
    (tmp_path / "serving" / "²").mkdir()
    root = tmp_path / "spans"
    for span in (1, 2):
        for label, name in enumerate(CLASSES):
            folder = root / f"span-{span}" / name
            folder.mkdir(parents=True)
            for number in range(20):
                image = photo(1000 * span + 100 * label + number)
                if span == 2:
                    image = ImageEnhance.Color(image).enhance(0.3)
                    image = Image.blend(image, Image.new("RGB", image.size, "red"), 0.3)
                image.save(folder / f"{number}.png")
    made.run(root, tmp_path / "out")
    job = config.ValidateJob(
        config=config.ValidateConfig(measure_drift="ignore"),
        label_file=str(tmp_path / "none.json"),
        serving_dir=str(tmp_path / "serving"),
        state_dir="",
    )
    outcome = validate.run(validate.read(str(tmp_path / "out"), [], job))
    assert [finding.check for finding in outcome.findings] == ["embedding_drift"]


def test_the_version_in_serving_is_found_in_an_object_store_too(tmp_path):
    store = "ram://versions"
    assert embedding.served(store) is None
    for number, write in (("9", saved_models.write), ("10", saved_models.damage)):
        content = (write(tmp_path / number) / "saved_model.pb").read_bytes()
        tf.io.gfile.makedirs(f"{store}/{number}")
        with tf.io.gfile.GFile(f"{store}/{number}/saved_model.pb", "wb") as file:
            file.write(content)
    tf.io.gfile.makedirs(f"{store}/11")
    assert embedding.served(store) == served_version.served(tmp_path) == 9


def test_findings_without_pictures_are_shown_too():
    found = findings.Finding("small_classes", "warn", "Class 'cat' has 3 images to train on.")
    assert findings.from_json(findings.to_json([found])) == [found]


def test_encodings_that_cannot_be_sent_are_named(planted, tmp_path):
    for number in range(3):
        photo(300 + number).save(planted / f"train/cat/w{number}.webp", quality=95)
    photo(400).quantize(16).save(planted / "train/dog/few.png")
    photo(401).convert("CMYK").save(planted / "train/dog/ink.jpg", quality=95)
    content = encodings.bmp(
        np.tile(np.arange(16), (16, 1)), 4, np.eye(16, 3, dtype=np.uint8) * 200, run_length=True
    )
    (planted / "train/dog/runs.bmp").write_bytes(content)
    outcome, data = validated(planted, tmp_path / "out", odd_size="ignore", low_contrast="ignore")
    messages = [one.message for one in outcome.findings if one.check == "not_servable"]
    assert [message.split(",")[0] for message in messages] == [
        "3 of 66 images: WebP. Sent as they are",
        "1 of 66 images: 4-bit BMP",
    ]
    assert '"unsupported_format"' in messages[0]
    assert "4 images cannot be sent as they are." in messages[0]
    assert '"unsupported_encoding"' in messages[1]
    kinds = {image.path.split("/")[-1]: image.info.encoding for image in data.images}
    assert kinds["few.png"] == "4-bit palette PNG"
    assert kinds["ink.jpg"] == "CMYK JPEG"
    assert kinds["00.jpg"] == "JPEG"
