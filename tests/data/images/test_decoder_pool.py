"""Decoding in processes that may die: what a hostile image can and cannot do."""

import contextlib
import io
import os
import platform
import resource
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from data import errors
from data.files import hashing
from data.images import decode, decode_config, decoder_pool, decoder_process
from tests.data.pictures import noise

CONFIG = decode_config.DecodeConfig()


def decoded(root: Path, names, config=CONFIG, size=2) -> dict[str, decoder_process.Answer]:
    with contextlib.closing(decoder_pool.DecoderPool(str(root), config, size)) as pool:
        answers = pool.decode(decoder_process.Request(name) for name in names)
        return {request.path: answer for request, answer in answers}


@pytest.fixture
def photos(tmp_path) -> Path:
    for index in range(70):
        noise(24, 32, seed=index).save(tmp_path / f"{index:02d}.png")
    return tmp_path


def test_the_pool_answers_as_the_room_does(photos):
    names = sorted(path.name for path in photos.iterdir())
    (photos / "bad.png").write_bytes(b"no image")
    answers = decoded(photos, [*names, "bad.png", "gone.png"])
    assert len(answers) == 72
    for name in names:
        content = (photos / name).read_bytes()
        expected = decode.decode(content, CONFIG)
        found = answers[name]
        assert found.sha256 == hashing.sha256(content)
        assert (found.result.encoded, found.result.info) == (expected.encoded, expected.info)
        np.testing.assert_array_equal(found.result.samples, expected.samples)
    assert answers["bad.png"].result.reason == "not_an_image"
    assert answers["gone.png"].result.reason == "not_a_file"


def test_names_of_any_bytes_and_lines(photos):
    names = ["new\nline.png", "quote\"'.png", os.fsdecode(b"\xff\xfe.png")]
    for name in names:
        (photos / name).write_bytes((photos / "00.png").read_bytes())
    answers = decoded(photos, names)
    assert all(isinstance(answers[name].result, decode.Decoded) for name in names)


def test_reencoding_is_on_request(photos):
    with contextlib.closing(decoder_pool.DecoderPool(str(photos), CONFIG, 1)) as pool:
        ((_, answer),) = pool.decode([decoder_process.Request("00.png", reencode=True)])
    assert answer.result.info.reencoded


@pytest.fixture(scope="module")
def endless(tmp_path_factory) -> Path:
    """A PNG of 9000×9000 pixels: some seconds of work, whatever the machine."""
    path = tmp_path_factory.mktemp("endless") / "image.png"
    Image.fromarray(np.zeros([9000, 9000, 3], np.uint8)).save(path, compress_level=1)
    return path


def test_a_slow_image_is_given_up_and_the_others_are_decoded(photos, endless):
    os.link(endless, photos / "slow.png")
    names = sorted(path.name for path in photos.iterdir())
    limits = decode_config.Limits(max_seconds=0.25)
    start = time.monotonic()
    answers = decoded(photos, names, decode_config.DecodeConfig(limits=limits))
    assert time.monotonic() - start < 30
    assert answers.pop("slow.png").result == decode.Rejection("too_slow", "more than 0.25 s")
    assert all(isinstance(answer.result, decode.Decoded) for answer in answers.values())


def test_an_image_that_eats_memory_costs_itself_alone(photos, endless):
    os.link(endless, photos / "huge.png")
    limits = decode_config.Limits(max_memory_bytes=400 << 20)
    answers = decoded(
        photos, ["00.png", "huge.png", "01.png"], decode_config.DecodeConfig(limits=limits)
    )
    assert answers["huge.png"].result.reason == "too_much_memory"
    assert isinstance(answers["00.png"].result, decode.Decoded)
    assert isinstance(answers["01.png"].result, decode.Decoded)


def killed_at(pool, path: str, times: int) -> list[int]:
    """Kills decoders that are at an image, as a fault in a C library would; returns their ids."""
    killed: list[int] = []
    started = decoder_pool._Decoder.__init__
    running: list[decoder_pool._Decoder] = []

    def init(self, *arguments):
        started(self, *arguments)
        running.append(self)

    def kill() -> None:
        while len(killed) < times:
            time.sleep(0.05)
            for one in list(running):
                at_it = one.ready and time.monotonic() - one.since > 0.3
                if at_it and any(request.path == path for request in one.requests):
                    os.kill(one.process.pid, signal.SIGSEGV)
                    killed.append(one.process.pid)
                    running.remove(one)
                    break

    pool.setattr(decoder_pool._Decoder, "__init__", init)
    threading.Thread(target=kill, daemon=True).start()
    return killed


def crashing(photos: Path, endless: Path) -> list[str]:
    os.link(endless, photos / "crash.png")
    return ["00.png", "crash.png", *(f"{index:02d}.png" for index in range(1, 40))]


def test_a_decoder_that_dies_is_replaced_and_its_image_named(photos, monkeypatch, endless):
    """The image that a decoder died of each time is rejected; those behind it are not."""
    killed = killed_at(monkeypatch, "crash.png", times=3)
    found = decoded(photos, crashing(photos, endless), size=1)
    assert len(set(killed)) == 3
    assert found.pop("crash.png").result.reason == "decoder_crashed"
    assert len(found) == 40
    assert all(isinstance(answer.result, decode.Decoded) for answer in found.values())


def test_an_image_is_not_blamed_for_the_crash_of_another(photos, monkeypatch, endless):
    """Memory that one image spoils may bring the decoder down at a later one."""
    killed = killed_at(monkeypatch, "crash.png", times=2)
    found = decoded(photos, crashing(photos, endless), size=1)
    assert len(set(killed)) == 2
    assert len(found) == 41
    assert all(isinstance(answer.result, decode.Decoded) for answer in found.values())


def test_a_decoder_that_does_not_start_is_said_so(photos, monkeypatch):
    monkeypatch.setenv("PYTHONHOME", "/nowhere")
    with pytest.raises(errors.PipelineError, match="An image decoder did not start"):
        decoded(photos, ["00.png"])


def test_what_a_decoder_prints_is_no_answer(photos):
    """Libraries print; on the answers' channel that would be taken for an answer."""
    buffer = io.BytesIO()
    noise(16, 16).save(buffer, "TIFF")
    broken = bytearray(buffer.getvalue())
    broken[40:60] = b"\xff" * 20
    (photos / "loud.tif").write_bytes(bytes(broken))
    answers = decoded(photos, ["loud.tif", "00.png"])
    assert len(answers) == 2
    assert isinstance(answers["00.png"].result, decode.Decoded)


INFO_LINE = b'{"lengths": [4, 4], "sha256": "", "info": [], "scale": 1}\n12345678'


@pytest.mark.parametrize(
    "line",
    [
        b"no JSON\n",
        b'{"lengths": [-1, 0]}\n',
        INFO_LINE,
        b"[" * 100_000 + b"\n",
        b"x" * (decoder_pool._HEAD_BYTES + 1),
    ],
    ids=["text", "lengths", "info", "nested", "endless"],
)
def test_what_foreign_code_writes_is_no_answer(line):
    one = object.__new__(decoder_pool._Decoder)
    one.buffer, one.ready, one.requests = bytearray(line), True, [decoder_process.Request("a.png")]
    with pytest.raises(errors.DataError, match="answer of an image decoder cannot be used"):
        one._take([])


def test_a_hijacked_decoder_costs_its_image_alone(photos, monkeypatch, endless):
    receive = decoder_pool._Decoder.receive

    def receive_other(one):
        if one.ready and one.requests and one.requests[0].path == "crash.png":
            one.buffer[:] = INFO_LINE
        else:
            receive(one)

    monkeypatch.setattr(decoder_pool._Decoder, "receive", receive_other)
    os.link(endless, photos / "crash.png")
    found = decoded(photos, ["00.png", "crash.png", "01.png"], size=1)
    assert found.pop("crash.png").result.reason == "decoder_crashed"
    assert all(isinstance(answer.result, decode.Decoded) for answer in found.values())


def test_a_decoder_ends_when_its_master_does(photos):
    with contextlib.closing(decoder_pool.DecoderPool(str(photos), CONFIG, 1)) as pool:
        list(pool.decode([decoder_process.Request("00.png")]))
        process = pool._decoders[0].process
        pool._decoders[0].stdin.close()
        assert process.wait(timeout=10) == 0


def test_a_decoder_starts_without_pydantic():
    """It would take as long to start again."""
    code = "import sys, data.images.decoder_process; sys.exit('pydantic' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another C library")
def test_a_decoder_keeps_its_memory_from_one_photograph_to_the_next(tmp_path):
    """Else the system clears a hundred pages of it anew for each."""
    names = [f"{index}.jpg" for index in range(130)]
    picture = noise(375, 500)
    for name in names:
        picture.save(tmp_path / name)

    def faults(of: list[str]) -> int:
        before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_minflt
        decoded(tmp_path, of, size=1)
        return resource.getrusage(resource.RUSAGE_CHILDREN).ru_minflt - before

    assert (faults(names) - faults(names[:30])) / 100 < 50
