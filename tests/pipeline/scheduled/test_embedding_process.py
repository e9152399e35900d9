"""Whether new images are others to the served model."""

import functools
from types import SimpleNamespace

import pyarrow as pa
import pytest
import tensorflow as tf

from components.image_validator import config as validate_config
from components.predict import exported_model
from data.examples import records
from data.sources import digits
from pipeline.scheduled import drifting, embedding_process
from tasks.predictions import schema
from tests.data.pictures import noise

CLASSES = ("0", "1", "4")


@pytest.fixture(scope="module")
def version_dir(exported):
    """A served model. Its weights are random, and such a network sees what is unlike, too."""
    return exported[1]


@pytest.fixture(autouse=True, scope="module")
def loaded_once():
    """The model is the real one; that it is loaded anew for every question costs 10 s each."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tf.saved_model, "load", functools.cache(tf.saved_model.load))
        yield


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """Digits, as many images of noise, and two files that are no images."""
    root = digits.export(tmp_path_factory.mktemp("photos") / "photos", per_class=30)
    (root / "noise").mkdir()
    for number in range(45):
        noise(28, 28, seed=number).save(root / "noise" / f"{number}.png")
    for name in ("bad.png", "worse.png"):
        (root / "noise" / name).write_bytes(b"no image")
    return root


def halves(photos):
    """Paths of digits, in two samples of the same classes."""
    paths = sorted(
        str(path.relative_to(photos)) for name in CLASSES for path in (photos / name).iterdir()
    )
    return paths[::2], paths[1::2]


def noisy(photos):
    return sorted(str(path.relative_to(photos)) for path in (photos / "noise").iterdir())


def ask(version_dir, photos, new, old, reference=None):
    question = {"model": str(version_dir), "root": str(photos), "new": new, "old": old}
    return {**question, "reference": reference}


def kept(uri, version_dir, photos, paths, count):
    """What Predict leaves of some images, as often as it takes to have so many."""
    content = [(photos / path).read_bytes() for path in paths]
    model = exported_model.Model(version_dir)
    found = model.ask([exported_model.record(one) for one in content]).column(5).to_pylist()
    rows = pa.array((found * count)[:count], pa.binary())
    batch = pa.RecordBatch.from_arrays([rows], [schema.EMBEDDING])
    about = model.schema([schema.EMBEDDING])
    path = schema.shard_path(str(uri), "test", records.shard_name(0, 1))
    schema.write(path, about, [batch])
    return str(uri)


def test_what_was_kept_is_the_reference_where_it_is_enough(version_dir, photos, tmp_path):
    """The old files are named, and not looked at."""
    new, old = halves(photos)
    gone = ["no/such/file.png"]
    reference = kept(tmp_path / "digits", version_dir, photos, old, embedding_process.MAX_IMAGES)
    assert (
        embedding_process.compare(ask(version_dir, photos, new, gone, reference))["chance"] > 0.01
    )
    other = embedding_process.compare(ask(version_dir, photos, noisy(photos), gone, reference))
    assert other["chance"] < 0.01
    few = kept(tmp_path / "few", version_dir, photos, old, embedding_process.MAX_IMAGES - 1)
    assert embedding_process.reference(few, version_dir) is None
    (next((tmp_path / "digits").rglob("*.parquet"))).write_bytes(b"torn")
    assert embedding_process.reference(reference, version_dir) is None
    assert embedding_process.reference(str(tmp_path / "gone"), version_dir) is None
    assert embedding_process.reference(None, version_dir) is None


def test_images_of_the_same_kind_are_no_others(version_dir, photos):
    new, old = halves(photos)
    question = ask(version_dir, photos, new, old)
    answer = embedding_process.compare(question)
    assert answer["chance"] > 0.01
    other = embedding_process.compare({**question, "new": noisy(photos)})
    assert other["chance"] < 0.01
    assert other["discrepancy"] > 10 * abs(answer["discrepancy"])


def test_too_few_readable_images_say_nothing(version_dir, photos):
    _, old = halves(photos)
    bad = ["noise/bad.png", "noise/worse.png", "noise/missing.png", "noise/0.png"]
    question = ask(version_dir, photos, bad, old)
    assert embedding_process.compare(question) is None


@pytest.mark.landing
def test_the_scheduler_asks_in_a_process_of_its_own(version_dir, photos, tmp_path):
    _, old = halves(photos)
    new_rows, old_rows = (
        [SimpleNamespace(path=path) for path in paths] for paths in (noisy(photos), old)
    )
    samples = drifting.Samples([], new_rows, {}, old_rows)
    sentence = drifting.embedding(
        samples,
        photos,
        version_dir,
        validate_config.ValidateConfig(),
        tmp_path / "logs" / "embedding.log",
    )
    assert sentence.startswith(
        "their embeddings differ from the served model's data (squared discrepancy "
    )
