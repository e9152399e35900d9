"""Masks go from files into records: converted in decoders, kept between ingests, checked."""

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from components.image_example_gen import config, first_pass, index_update, masks, second_pass
from data import errors
from data.examples import example, examples_artifact
from data.layout import mask_checks
from data.sources import label_source
from data.sources import registry as label_sources
from data.splits import split
from tests.components.image_example_gen import made as ingests
from tests.data.masks import made
from tests.data.pictures import noise

pytestmark = pytest.mark.xdist_group("ingest")
RULE = label_source.LabelRule("any", annotates="pixels")
NAMES = ["sky", "road", "tree"]


@pytest.fixture
def folder(tmp_path):
    root = tmp_path / "data"
    (root / "images").mkdir(parents=True)
    (root / "masks").mkdir()
    (root / "classes.txt").write_text("\n".join(NAMES))
    for number in range(12):
        noise(12, 20, seed=number).save(root / f"images/{number:02d}.png")
        values = [0, 1] if number % 2 else [1, 2, 255]
        (root / f"masks/{number:02d}.png").write_bytes(made.png(made.stripes(values)))
    return root


def asked(root, *settings):
    return label_source.Request(root, *settings, rule=RULE)


def run(root, output, state, **changes):
    settings = config.IngestConfig(**changes)
    listing = label_sources.scan(asked(root, settings))
    job = config.IngestJob(
        config=settings,
        task="segmentation",
        labels=listing.class_names,
        masks=listing.masks.encoding,
        fingerprint=listing.fingerprint(),
        code="0",
        state_dir=str(state),
    )
    workspace = first_pass.Workspace.of(job)
    inspected = index_update.inspect(listing, job, lambda *task: ingests.look(root, job, *task))
    work = masks.bundles(listing, inspected.rows, job)
    converter = masks.Converter(str(root), job, 1)
    for bundle in work:
        converter.convert(bundle.tasks)
    converter.close()
    found = masks.annotate(listing, inspected.rows, job)
    ledger = split.load_ledger(workspace.ledger)
    plan = second_pass.plan(found.listing, found.rows, job, ledger, masks=found.paths)
    workspace.remember(inspected.listed, plan.ledger)
    masks.prune(job, found.paths.values())
    writer = second_pass.ShardWriter(str(root), str(output), job, plan.shard_counts)
    examples_artifact.write_catalog(str(output), plan.images, plan.shard_counts)
    for name, shard in plan.shards():
        writer.write(name, shard)
    outcome = second_pass.finish(plan, listing, job, str(output), inspected)
    outcome.masks = found.report
    return outcome, sum(len(bundle.tasks) for bundle in work)


def records(output):
    spec = {
        example.FILENAME: tf.io.FixedLenFeature([], tf.string),
        example.MASK: tf.io.FixedLenFeature([], tf.string),
        example.MASK_FORMAT: tf.io.FixedLenFeature([], tf.string),
        example.CLASS_LABEL: tf.io.VarLenFeature(tf.int64),
    }
    found = {}
    for name in ("train", "eval", "test"):
        for path in examples_artifact.shards(str(output), name):
            for serialized in tf.data.TFRecordDataset(path):
                row = tf.io.parse_single_example(serialized, spec)
                mask = tf.io.decode_png(row[example.MASK], channels=1)[..., 0].numpy()
                assert row[example.MASK_FORMAT].numpy() == b"png"
                labels = tf.sparse.to_dense(row[example.CLASS_LABEL]).numpy().tolist()
                found[row[example.FILENAME].numpy().decode()] = (name, mask, labels)
    return found


def test_every_record_has_its_mask_and_the_classes_in_it(folder, tmp_path):
    outcome, converted = run(folder, tmp_path / "out", tmp_path / "state")
    found = records(tmp_path / "out")
    assert converted == len(found) == 12
    for name, (_, mask, labels) in found.items():
        odd = int(name[-6:-4]) % 2
        wanted = made.stripes([0, 1] if odd else [1, 2, 255])
        np.testing.assert_array_equal(mask, wanted)
        assert labels == ([0, 1] if odd else [1, 2])
    assert {name for name, *_ in found.values()} == {"train", "eval", "test"}
    assert outcome.masks.images == {"sky": 6, "road": 12, "tree": 6}
    assert outcome.masks.void == 6 * 72


def test_masks_are_converted_once_and_again_when_they_change(folder, tmp_path):
    state = tmp_path / "state"
    run(folder, tmp_path / "one", state)
    assert run(folder, tmp_path / "two", state)[1] == 0
    (folder / "masks/00.png").write_bytes(made.png(made.stripes([2])))
    assert run(folder, tmp_path / "three", state)[1] == 1
    assert records(tmp_path / "three")["images/00.png"][2] == [2]
    assert len(list(state.glob("masks-*/*/*"))) == 12


def test_an_edited_mask_changes_the_fingerprint(folder):
    before = label_sources.scan(asked(folder)).fingerprint()
    (folder / "masks/00.png").write_bytes(made.png(made.stripes([2, 1])))
    assert label_sources.scan(asked(folder)).fingerprint() != before


@pytest.mark.parametrize(
    ("planted", "reason"),
    [
        (made.png(np.ascontiguousarray(made.stripes([0, 1]).T)), "transposed_mask"),
        (made.png(made.stripes([0, 1], 30, 20)), "mask_of_another_shape"),
        (made.png(made.stripes([0, 9])), "unknown_mask_values"),
        (b"\x89PNG\r\n\x1a\nno more", "mask_not_an_image"),
        (made.png(made.stripes([0, 1]))[:-30], "mask_damaged"),
        (made.png(np.zeros([12, 20, 3], np.uint8) + np.uint8([1, 2, 3])), None),
    ],
)
def test_planted_faults_put_their_image_into_quarantine(folder, tmp_path, planted, reason):
    (folder / "masks/03.png").write_bytes(planted)
    if reason is None:  # one mask in colour makes the set one of colours, which needs a map
        with pytest.raises(errors.DataError, match="are in colour"):
            run(folder, tmp_path / "out", tmp_path / "state")
        return
    outcome, _ = run(folder, tmp_path / "out", tmp_path / "state")
    found = [row for row in outcome.quarantined if row.path == "images/03.png"]
    assert [row.reason for row in found] == [reason]
    assert "images/03.png" not in records(tmp_path / "out")


def test_a_mask_of_another_size_is_scaled_and_reported(folder, tmp_path):
    (folder / "masks/02.png").write_bytes(made.png(made.stripes([1, 2, 0, 255], 24, 40)))
    outcome, _ = run(folder, tmp_path / "out", tmp_path / "state")
    assert outcome.masks.resized == 1
    np.testing.assert_array_equal(
        records(tmp_path / "out")["images/02.png"][1], made.stripes([1, 2, 0, 255])
    )


def test_a_mask_turns_with_its_image(folder, tmp_path):
    image = Image.open(folder / "images/02.png").convert("RGB")
    exif = Image.Exif()
    exif[0x0112] = 6
    image.save(folder / "images/02.jpg", exif=exif)
    (folder / "images/02.png").unlink()
    outcome, _ = run(folder, tmp_path / "out", tmp_path / "state")
    assert outcome.masks.turned == 1
    mask = records(tmp_path / "out")["images/02.jpg"][1]
    np.testing.assert_array_equal(mask, np.rot90(made.stripes([1, 2, 255]), 3))


def test_what_cannot_be_used_is_refused_before_any_work(folder, tmp_path):
    for number in range(6):
        (folder / f"masks/{number:02d}.png").unlink()
    listing = label_sources.scan(asked(folder))
    with pytest.raises(errors.DataError, match=r"6 of 12 image files .* Give each image its mask"):
        label_sources.check(listing, asked(folder))
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(errors.DataError, match="holds no image with a mask"):
        label_sources.check(label_sources.scan(asked(empty)), asked(empty))


def test_what_was_understood_is_told_and_films_are_suspected(folder):
    for path in sorted(folder.glob("*/*.png")):
        path.rename(path.with_name(f"film_{path.name}"))
    lines = mask_checks.lines(label_sources.scan(asked(folder)))
    assert "3 classes by value (0–2); void is 255 (names from classes.txt)" in lines[2]
    assert any("--ingest.split.group-pattern" in line for line in lines)
