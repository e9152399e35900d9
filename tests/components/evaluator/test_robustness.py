import hashlib

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from components.evaluator import corruptions, robustness
from data import progress
from data.examples import example, records
from data.graph import decoding
from data.images import decode, decode_config, image_reading
from tasks.classification import answers as predictions
from tasks.classification.figures import FIGURES
from tasks.predictions import answered
from tasks.segmentation import figures as masks
from tests.data.pictures import noise, saved
from tests.tasks.segmentation import made

LABELS = ["dark", "bright"]
BY_NAME = {one.name: one for one in corruptions.CORRUPTIONS}


def answers_of(encoded: list[bytes]) -> tuple[np.ndarray, np.ndarray]:
    """Predicts an image with a mean above 127.5 as bright: returns class ids and valid."""
    images = [corruptions.opened(content) for content in encoded]
    means = [0.0 if image is None else np.asarray(image).mean() for image in images]
    return np.greater(means, 127.5).astype(np.int64), np.array(
        [one is not None for one in images], bool
    )


def brightness(pixels: np.ndarray, places: np.ndarray) -> np.ndarray:
    assert places.shape == pixels.shape[:1]
    assert pixels.dtype == np.uint8
    assert pixels.shape[1:] == (32, 32, 3)
    return np.eye(2, dtype=np.float32)[(pixels.mean((1, 2, 3)) > 127.5).astype(int)]


EYE = robustness.Eye(brightness, 32, "stretch")


def flat(value: int) -> bytes:
    return saved(Image.new("RGB", (50, 40), (value,) * 3), "PNG")


def write(path, rows) -> list[str]:
    """Writes image records of (bytes, label id) into a shard."""
    info = decode.decode(flat(0), decode_config.DecodeConfig()).info
    encoded = (
        example.Encoder().encode(
            content,
            info,
            example.ImageSource(
                f"{number}.png",
                ("any",),
                (label_id,),
                hashlib.sha256(content + b"%d" % number).hexdigest(),
            ),
        )
        for number, (content, label_id) in enumerate(rows)
    )
    records.write(str(path / "split" / records.shard_name(0, 1)), encoded)
    return records.files(str(path / "split"))


def measure(path, rows, **options) -> list[robustness.Row]:
    """Returns the rows of a table, from the model's answers about the clean images."""
    class_ids, valid = answers_of([content for content, _ in rows])
    found = predictions.Predictions(
        labels=LABELS,
        paths=[f"{number}.png" for number in range(len(rows))],
        label_ids=np.array([label_id for _, label_id in rows], np.int64),
        probabilities=np.eye(2, dtype=np.float32)[class_ids] * valid[:, None],
        valid=valid,
        outlier_scores=np.zeros(len(rows), np.float32),
    )
    return robustness.measure(FIGURES, EYE, found, write(path, rows), **options)


def test_losses_are_those_of_the_images_that_change_sides(tmp_path):
    # At +30 % 110 becomes 143, and at −30 % 150 becomes 105; the others stay where they are.
    values = [20, 60, 110, 110, 150, 220, 220, 220]
    images = [(flat(value), int(value > 127.5)) for value in values]
    heard = []
    with progress.listening(lambda task: heard.append((task.name, task.done, task.total))):
        rows = {row.name: row for row in measure(tmp_path, images)}
    assert list(rows) == [robustness.CLEAN, *BY_NAME]
    assert heard[-1] == (robustness.TASK, 8, 8)
    assert {row.count for row in rows.values()} == {8}
    assert {row.unchanged for row in rows.values()} == {0}
    expected = {"brightness +30 %": (2 / 8, 2 / 8), "brightness −30 %": (1 / 8, 1 / 8)}
    for name, row in rows.items():
        accuracy_loss, recall_loss = expected.get(name, (0, 0))
        assert row.accuracy == pytest.approx(1 - accuracy_loss), name
        assert row.accuracy_loss == pytest.approx(accuracy_loss), name
        assert row.macro_recall_loss == pytest.approx(recall_loss), name


def test_what_pillow_cannot_open_goes_in_as_it_is_and_is_counted(tmp_path):
    rows = measure(tmp_path, [(flat(20), 0), (b"junk", 0), (b"", 1)])
    assert [row.unchanged for row in rows] == [0] + [2] * len(BY_NAME)
    # A class with images that are all unreadable has a recall, and it is 0.
    assert rows[0].accuracy == pytest.approx(1 / 3)
    assert rows[0].macro_recall == pytest.approx(0.25)
    assert rows[1].accuracy_loss == 0


def test_without_images_everything_is_undefined(tmp_path):
    for row in measure(tmp_path, []):
        assert (row.accuracy, row.macro_recall, row.accuracy_loss, row.count) == (None,) * 3 + (0,)


def test_a_class_that_the_model_does_not_know_counts_as_wrong(tmp_path):
    rows = measure(tmp_path, [(flat(20), 0), (flat(20), 5)])
    assert rows[0].accuracy == 0.5
    assert rows[0].macro_recall == 0.5


def test_the_choice_is_stable_and_balanced(tmp_path):
    rows = [(flat(number), int(number >= 4)) for number in range(40)]
    files = write(tmp_path, rows)
    groups = np.array([label_id for _, label_id in rows])
    chosen = robustness.choose(files, groups, 10)
    assert sorted(groups[chosen]) == [0] * 4 + [1] * 6
    assert robustness.choose(files, groups, 10) == chosen
    assert set(robustness.choose(files, groups, 6)) < set(chosen)
    assert len(robustness.choose(files, groups, 100)) == 40


def test_only_the_chosen_are_asked_about(tmp_path):
    rows = [(flat(20), 0)] * 20 + [(flat(220), 1)] * 20
    found = measure(tmp_path, rows, limit=7)
    assert (found[0].count, found[0].accuracy) == (7, 1.0)


@pytest.mark.parametrize("size", [(1, 1), (2, 3), (300, 40), (256, 256)])
@pytest.mark.parametrize("name", BY_NAME)
def test_corruptions_are_mild_and_keep_the_size(name, size):
    before = noise(size[1], size[0])
    after = BY_NAME[name].apply(before)
    assert (after.size, after.mode) == (size, "RGB")
    if size == (256, 256):
        change = np.abs(np.asarray(before, float) - np.asarray(after, float)).mean()
        assert 0 < change < 45


def test_a_rotation_turns_about_the_middle_and_leaves_no_black_corners():
    image = Image.new("RGB", (201, 201), (200, 200, 200))
    image.paste((255, 0, 0), (180, 95, 196, 106))  # right of the middle
    left, right = (np.asarray(BY_NAME[f"rotation {sign}10°"].apply(image)) for sign in "+−")
    assert left.min(2).min() < 5  # the mark is still in the picture
    assert left[[0, 0, -1, -1], [0, -1, 0, -1], 0].min() > 190
    marks = [np.argwhere(turned[..., 1] < 100).mean(0) for turned in (left, right)]
    assert marks[0] == pytest.approx([100 - 88 * np.sin(np.radians(10)), 187], abs=2)
    assert marks[1] == pytest.approx([100 + 88 * np.sin(np.radians(10)), 187], abs=2)


def test_the_model_sees_what_it_would_see_of_the_corrupted_bytes(tmp_path):
    """Encoded without loss and decoded by the served graph, the pixels are the same."""
    seen = []

    def answer(pixels: np.ndarray, _: np.ndarray) -> np.ndarray:
        seen.append(pixels)
        return np.tile(np.float32([1, 0]), [len(pixels), 1])

    content = saved(noise(70, 90), "PNG")
    found = predictions.Predictions(
        LABELS,
        ["0.png"],
        valid=np.array([True]),
        outlier_scores=np.zeros(1),
        label_ids=np.array([0]),
        probabilities=np.array([[1.0, 0.0]], np.float32),
    )
    files = write(tmp_path, [(content, 0)])
    robustness.measure(FIGURES, robustness.Eye(answer, 32, "letterbox"), found, files)
    opened = corruptions.opened(content)
    encoded = [saved(one.apply(opened), "BMP") for one in corruptions.CORRUPTIONS]
    read = decoding.batch_reader(32, "letterbox", image_reading.DEFAULT)
    expected, refused = read(tf.constant(encoded))
    assert set(refused.numpy()) == {b""}
    np.testing.assert_array_equal(seen[0], expected)


def test_nothing_is_measured_where_no_image_is_wanted():
    assert robustness.of_network(None, {"task": "classification"}, None, [], limit=0) == []


def test_of_masks_only_what_moves_nothing_is_measured(tmp_path):
    """Half of each image is dark; at +30 % one of the two becomes bright."""
    contents, truths = [], []
    for dark in (20, 110):
        pixels = np.full([32, 32, 3], dark, np.uint8)
        pixels[:, 16:] = 200
        contents.append(saved(Image.fromarray(pixels), "PNG"))
        truths.append((pixels[..., 0] > 127).astype(np.uint8))
    found = made.predictions(truths, truths, LABELS, LABELS)
    square = answered.Square(32, "stretch")

    def answer(pixels: np.ndarray, places: np.ndarray) -> np.ndarray:
        probabilities = np.eye(2, dtype=np.float32)[(pixels[..., 0] > 127).astype(int)]
        return found.answers_of(probabilities, places, square)

    rows = robustness.measure(
        masks.FIGURES,
        robustness.Eye(answer, *square),
        found,
        write(tmp_path, [(content, 0) for content in contents]),
    )
    by_name = {row.name: row for row in rows}
    still = [one.name for one in corruptions.CORRUPTIONS if not one.moves]
    assert list(by_name) == [robustness.CLEAN, *still] and len(still) == len(BY_NAME) - 2
    assert by_name[robustness.CLEAN].accuracy == 1
    # Of the dark class half is found, of the bright one everything and a half more.
    assert by_name["brightness +30 %"].accuracy == pytest.approx((1 / 2 + 2 / 3) / 2, abs=0.02)
    assert by_name["brightness −30 %"].accuracy_loss == 0
    assert by_name[robustness.CLEAN].macro_recall is None
