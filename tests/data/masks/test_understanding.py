"""Masks are described and converted in decoding processes, and stored with their facts."""

import numpy as np
import pytest

from data import errors
from data.images import decode, decode_config, decoder_pool, decoder_process
from data.masks import config as mask_config
from data.masks import mask_store, understanding, work
from tests.data.masks import made

PLAIN = mask_config.MaskConfig()
LIMITS = decode_config.DecodeConfig()


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "masks").mkdir()
    (tmp_path / "images").mkdir()
    for number, values in enumerate([[0, 1], [0, 2], [1, 2, 255]]):
        (tmp_path / f"masks/{number}.png").write_bytes(made.png(made.stripes(values)))
        picture = np.zeros((12, 20, 3), np.uint8)
        (tmp_path / f"images/{number}.png").write_bytes(made.png(picture))
    (tmp_path / "classes.txt").write_text("sky\nroad\ntree\n")
    return tmp_path


def test_all_masks_and_the_class_list_decide(folder):
    (folder / "masks/bad.png").write_bytes(b"nothing")
    masks = [f"masks/{name}.png" for name in (0, 1, 2, "bad")]
    found = understanding.understand(folder, masks, LIMITS, PLAIN)
    assert found.encoding.class_names == ["sky", "road", "tree"]
    assert found.class_file == "classes.txt"
    assert found.rejected["masks/bad.png"].reason == "mask_not_an_image"
    rules = work.Rules(encoding=found.encoding, labels=found.encoding.class_names)
    pool = decoder_pool.DecoderPool(str(folder), LIMITS, 1, masks=rules)
    requests = [
        decoder_process.Request(f"masks/{name}.png", mask_of=(f"images/{name}.png", 12, 20))
        for name in (0, 1, 2)
    ]
    try:
        answers = {request.path: answer.mask for request, answer in pool.decode(requests)}
    finally:
        pool.close()
    facts = answers["masks/2.png"].facts
    assert facts.counts == {1: 84, 2: 84} and facts.void == 72
    store = mask_store.MaskStore(folder / "state", rules)
    path = store.path("masks/2.png", "ab", (12, 20))
    assert mask_store.facts(path) is None
    mask_store.write(path, answers["masks/2.png"])
    assert mask_store.facts(path) == facts
    assert mask_store.encoded(path) == answers["masks/2.png"].encoded
    mask_store.write(path, decode.Rejection("transposed_mask", "1×2"))
    assert mask_store.facts(path) == decode.Rejection("transposed_mask", "1×2")
    with pytest.raises(errors.PipelineError):
        mask_store.encoded(path)


def test_no_readable_mask_is_one_sentence(folder):
    (folder / "masks/0.png").write_bytes(b"nothing")
    with pytest.raises(errors.DataError, match=r"masks/0.png: mask_not_an_image"):
        understanding.understand(folder, ["masks/0.png"], LIMITS, PLAIN)


def test_settings_have_priority_over_files(folder):
    config = mask_config.MaskConfig(class_names=["a", "b", "c"])
    assert understanding.class_entries(folder, config)[1][0].name == "a"
