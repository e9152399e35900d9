"""Predictions of a pushed model about a user's files, by the command line."""

import contextlib
import csv
import hashlib
import json
import os
import shutil
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pyarrow.parquet as pq
import pytest

from components.predict import executor, exported_model
from components.predict.user_files import answering, listing, tables
from data import errors
from data.images import image_reading
from pipeline import predict
from tasks.predictions import schema
from tests import saved_models
from tests.components.predict.conftest import jpeg
from tests.data.pictures import noise, saved
from tests.models import TINY_LABELS

pytestmark = pytest.mark.usefixtures("graphs_as_they_are")

NO_TEXT = b"caf\xe9.jpg"


@pytest.fixture
def photos(tmp_path) -> Path:
    """Makes eight files in three folders; three are not images, one name is not UTF-8."""
    root = tmp_path / "photos"
    (root / "a" / "deep").mkdir(parents=True)
    (root / "b").mkdir()
    for seed in range(2):
        (root / "a" / f"{seed}.jpg").write_bytes(jpeg(seed))
    (root / "a" / "deep" / "2.webp").write_bytes(saved(noise(40, 60, 2), "WEBP"))
    (root / "b" / "3.jpg").write_bytes(jpeg(3))
    Path(os.fsdecode(os.fsencode(root) + b"/b/" + NO_TEXT)).write_bytes(jpeg(4))
    (root / "b" / "broken.jpg").write_bytes(jpeg(5)[:200])
    (root / "b" / "empty.png").touch()
    (root / "b" / "notes.txt").write_text("no image")
    (root / ".hidden.jpg").write_bytes(jpeg(6))
    return root


@pytest.fixture
def versions(right, tmp_path) -> Path:
    """Two versions, of which the higher one is not complete."""
    root = tmp_path / "serving"
    shutil.copytree(right.saved_model, root / "2")
    (root / "3").mkdir()
    return root


def ask(versions: Path, output: Path, *places: Path) -> int:
    flags = ["--model-dir", str(versions), "--output", str(output)]
    return predict.main([*map(str, places), *flags])


def rows_of(path: Path) -> dict[str, dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return {row["path"]: row for row in csv.DictReader(file)}


def test_every_file_is_a_row_and_a_bad_one_has_its_reason(
    photos, versions, model, asked, tmp_path, capsys
):
    assert ask(versions, tmp_path / "answers.csv", photos) == 0
    rows = rows_of(tmp_path / "answers.csv")
    reasons = {Path(path).name: row["reason"] for path, row in rows.items()}
    assert reasons == {
        "0.jpg": "",
        "1.jpg": "",
        "2.webp": "",
        "3.jpg": "",
        "caf\\udce9.jpg": "",
        "broken.jpg": "damaged",
        "empty.png": "empty",
        "notes.txt": "not_an_image",
    }
    assert rows[f"{photos}/b/empty.png"]["probability of glass"] == ""
    first = rows[f"{photos}/a/0.jpg"]
    said = model.ask([exported_model.record(jpeg(0))]).to_pylist()[0]
    shares = [float(first[f"probability of {name}"]) for name in TINY_LABELS]
    np.testing.assert_allclose(shares, said["probabilities"], atol=1e-5)
    assert first["predicted"] == TINY_LABELS[int(np.argmax(shares))]
    assert float(first["score"]) == pytest.approx(max(shares))
    assert first["sha256"] == hashlib.sha256(jpeg(0)).hexdigest()
    assert sum(asked) == 5 + 1  # one more by this test
    printed = capsys.readouterr().err
    assert "8 files, 1 hidden files skipped." in printed
    assert "5 answered, 3 not" in printed
    assert not (tmp_path / "answers.csv.parts").exists()


def test_formats_say_the_same_and_parquet_has_the_bytes(photos, versions, asked, tmp_path):
    for suffix in tables.WRITERS:
        assert ask(versions, tmp_path / f"answers{suffix}", photos) == 0
    by_csv = rows_of(tmp_path / "answers.csv")
    lines = (tmp_path / "answers.jsonl").read_text(encoding="utf-8").splitlines()
    by_json = {row["path"]: row for row in map(json.loads, lines)}
    table = pq.read_table(tmp_path / "answers.parquet")
    assert schema.labels_of(table.schema) == TINY_LABELS
    whole = {row["path"]: row for row in table.to_pylist()}
    assert list(by_csv) == list(by_json)
    odd = os.fsencode(photos) + b"/b/" + NO_TEXT
    assert whole[odd]["predicted"] == by_json[f"{photos}/b/caf\\udce9.jpg"]["predicted"]
    for path, row in by_json.items():
        assert row["predicted"] == (by_csv[path]["predicted"] or None)
        assert ("probabilities" in row) == row["valid"]
    assert len(whole[odd]["embedding"]) == 2 * model_features(asked, whole)


def model_features(asked, whole) -> int:
    return len(next(row["embedding"] for row in whole.values() if row["embedding"])) // 2


def test_a_killed_call_goes_on_where_it_was(photos, versions, asked, tmp_path, monkeypatch):
    monkeypatch.setattr(listing, "CHUNK_FILES", 2)
    assert ask(versions, tmp_path / "whole.csv", photos) == 0
    answer, done = answering.Answerer.answer, []

    def killed(self, chunk):
        if len(done) == 2:
            raise KeyboardInterrupt
        answer(self, chunk)
        done.append(chunk)

    asked.clear()
    output = tmp_path / "answers.csv"
    monkeypatch.setattr(answering.Answerer, "answer", killed)
    assert ask(versions, output, photos) == 130
    assert not output.exists()
    before = sum(asked)
    assert 0 < before < 5
    parts = sorted((tmp_path / "answers.csv.parts").glob("*.parquet"))
    assert len(parts) == 2
    parts[0].write_bytes(parts[0].read_bytes()[:-20])  # torn: asked again
    held = sum(not is_bad(file.path) for file in done[0].files)
    monkeypatch.setattr(answering.Answerer, "answer", answer)
    assert ask(versions, output, photos) == 0
    assert sum(asked) == 5 + held
    assert output.read_bytes() == (tmp_path / "whole.csv").read_bytes()


def is_bad(path: str) -> bool:
    return Path(path).name in ("broken.jpg", "empty.png", "notes.txt")


def test_a_file_that_changed_is_asked_about_again(photos, versions, asked, tmp_path):
    parts = tmp_path / "parts"
    chunks = listing.chunks(listing.scan([photos]), parts, "settings")
    (photos / "a" / "0.jpg").write_bytes(jpeg(99))
    again = listing.chunks(listing.scan([photos]), parts, "settings")
    other = listing.chunks(listing.scan([photos]), parts, "another model")
    assert len({chunks[0].part, again[0].part, other[0].part}) == 3


def test_no_cell_is_a_formula(photos, versions, asked, tmp_path, monkeypatch):
    monkeypatch.chdir(photos)
    (photos / "=1+1.jpg").write_bytes(b"no image")
    assert ask(versions, tmp_path / "answers.csv", Path("=1+1.jpg")) == 0
    assert list(rows_of(tmp_path / "answers.csv")) == ["'=1+1.jpg"]


def test_beam_gives_the_same_parts(photos, versions, model, asked, tmp_path):
    listed = listing.scan([photos])
    here = listing.chunks(listed, tmp_path / "here", "")
    there = listing.chunks(listed, tmp_path / "there", "")
    with contextlib.closing(answering.Answerer(model, 1)) as answerer:
        for chunk in here:
            answerer.answer(chunk)
    arguments = ["--runner=FnApiRunner", "--direct_running_mode=in_memory"]
    executor.run_chunks(arguments, there, str(versions / "2"), 1)
    assert all(answering.is_done(chunk) for chunk in there)
    for one, other in zip(here, there, strict=True):
        assert pq.read_table(one.part).equals(pq.read_table(other.part))


def test_places_are_listed_once_and_links_to_folders_are_not_followed(photos, tmp_path):
    (photos / "b" / "link").symlink_to(photos / "a")
    found = listing.scan([photos, photos / "a", photos / "a" / "0.jpg"])
    assert found.count == 9
    assert "b/link" in {file.path for file in found.files[str(photos)]}
    with pytest.raises(errors.UserError) as caught:
        listing.scan([tmp_path / "one", tmp_path / "two"])
    assert len(caught.value.problems) == 2


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--model-dir", "nowhere"], "neither a saved_model.pb nor a complete version"),
        (["--output", "answers.xls"], "must end in one of .csv, .jsonl, .parquet"),
        (["--beam.engine", "fink"], "--beam.engine is 'fink'"),
        (["--beam.workers", "-1"], "--beam.workers is '-1'"),
    ],
)
def test_mistakes_are_told_in_a_sentence(photos, versions, tmp_path, capsys, flags, message):
    given = {"--model-dir": str(versions), "--output": str(tmp_path / "answers.csv")}
    given |= dict([flags])
    command = [str(photos), *(part for pair in given.items() for part in pair)]
    assert predict.main(command) == 2
    assert message in capsys.readouterr().err


def test_a_version_or_the_folder_of_versions_names_the_model(versions):
    assert predict.resolve(versions) == versions / "2"
    assert predict.resolve(versions / "2") == versions / "2"


def test_a_damaged_newest_version_is_passed_over(tmp_path):
    saved_models.write(tmp_path / "3")
    saved_models.damage(tmp_path / "4")
    assert predict.resolve(tmp_path) == tmp_path / "3"


def test_a_refusal_of_the_model_itself_has_a_reason(model, tmp_path, monkeypatch):
    """An image that only one of the two decoders can read must not look like an answer."""
    refused = model.ask([exported_model.record(b"no image")])
    monkeypatch.setattr(exported_model.Model, "ask", lambda self, serialized: refused)
    (tmp_path / "a.jpg").write_bytes(jpeg(0))
    (chunk,) = listing.chunks(listing.scan([tmp_path / "a.jpg"]), tmp_path / "parts", "")
    with contextlib.closing(answering.Answerer(model, 1)) as answerer:
        answerer.answer(chunk)
    (row,) = pq.read_table(chunk.part).to_pylist()
    assert (row["valid"], row["predicted"], row["score"]) == (False, None, None)
    assert row["reason"]


@pytest.mark.parametrize(
    "reading",
    [
        image_reading.DEFAULT,
        image_reading.Reading((1, 2, 3), image_reading.Range(0, 4095), convert_to_srgb=False),
        image_reading.Reading(float_range=image_reading.Range(-1, 1)),
    ],
)
def test_files_are_read_as_the_contract_says(reading):
    """Images are read as at ingest of the training data; an older contract lacks that entry."""
    model = SimpleNamespace(contract=reading.to_dict())
    config, scale = answering.decoding(model), answering.scale(model)
    assert config.background_rgb() == reading.background
    assert config.convert_to_srgb == reading.convert_to_srgb
    assert scale.integers == reading.value_range
    assert reading.float_range in (None, scale.floats)
    assert answering.decoding(SimpleNamespace(contract={})).background_rgb() == (255, 255, 255)
