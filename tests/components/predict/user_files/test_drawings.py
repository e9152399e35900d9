import os
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
from PIL import Image

from components.predict.user_files import drawings
from data.images import decode_config, decoder_pool
from tasks.predictions import schema
from tests.data.pictures import noise, saved

# Draws nothing, so that what was read is seen.
PLAIN = SimpleNamespace(answer={}, drawn=lambda picture, *_: picture)
COLUMNS = {schema.PATH: pa.binary(), schema.VALID: pa.bool_()}


def part(root, rows):
    made = schema.make(["cat"], "0" * 16, COLUMNS)
    batch = pa.RecordBatch.from_pylist(
        [{schema.PATH: os.fsencode(path), schema.VALID: valid} for path, valid in rows], made
    )
    schema.write(str(root / "part.parquet"), made, [batch])
    return str(root / "part.parquet")


def test_images_are_drawn_upright_and_what_is_lost_is_counted(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    turned = noise(20, 30, 1)
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by 90°
    turned.save(tmp_path / "turned.jpg", exif=exif)
    (tmp_path / "whole.png").write_bytes(saved(noise(10, 12, 2), "PNG"))
    (tmp_path / "torn.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    os.mkfifo(tmp_path / "pipe.png")
    rows = [("turned.jpg", True), ("whole.png", True), ("torn.png", True), ("pipe.png", True)]
    rows += [("gone.png", True), ("no_answer.png", False)]
    pool = decoder_pool.DecoderPool(".", decode_config.DecodeConfig(), 1)
    try:
        found = drawings.write(tmp_path / "drawn", [part(tmp_path, rows)], PLAIN, pool)
    finally:
        pool.close()
    assert found == (2, 3)
    made = sorted((tmp_path / "drawn").rglob("*.png"))
    assert [path.name for path in made] == ["turned.jpg.png", "whole.png.png"]
    with Image.open(made[0]) as upright, Image.open(made[1]) as whole:
        assert upright.size == turned.size[::-1]
        np.testing.assert_array_equal(np.asarray(whole), np.asarray(noise(10, 12, 2)))
