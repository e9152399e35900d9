"""A decoding process, which its parent may kill: ``python -m data.images.decoder_process``.

Images may be hostile. Here one can hang, crash or exhaust memory without harm to the pipeline:
the process has a memory limit, and :mod:`data.images.decoder_pool` kills it after a time limit.

On stdin, one JSON object a line: first the settings, then :class:`Request` objects. On stdout,
for each in order, one line of JSON, whose ``lengths`` give how many bytes of encoded image and
of samples follow. No pickle: the output of a compromised decoder is only ever data.

Answers are sent in bulk, which halves the cost of small images. If the process is killed, the
answers not yet sent are lost along with that of the fatal image; with ``careful``, all others
are sent before that image is begun.
"""

import contextlib
import dataclasses
import io
import json
import math
import os
import resource
import time
import types
import warnings
from typing import IO, TYPE_CHECKING, Any, cast

import numpy as np
from PIL import Image

from data.files import hashing, read_lines, user_files
from data.images import decode, quality, value_range

if TYPE_CHECKING:  # each costs a decoder time to start that few need
    from data.images import decode_config
    from data.masks import mask_file
    from data.masks import work as mask_work

READY = b"ready\n"
IS_MASK = decode.Rejection("mask")
_READ_BYTES = 1 << 16
_SEND_BYTES = 1 << 17
_SEND_ANSWERS = 16
_SEND_SECONDS = 0.05


@dataclasses.dataclass(frozen=True, slots=True)
class Request:
    """A file to decode.

    Attributes:
      path: relative to the data folder.
      reencode: encode it again without loss, even if its own bytes or a JPEG would do.
      careful: send every other answer before this file is begun.
      mask_of: the image whose mask the file is, with height and width of the stored image, or
        without a size to only describe the mask; None for an image.
      shapes: what the mask is drawn of, if it has no file of its own.
    """

    path: str
    reencode: bool = False
    careful: bool = False
    mask_of: tuple[str, int, int] | None = None
    shapes: str = ""

    def line(self) -> bytes:
        """Returns the request as a line of JSON."""
        fields = [self.path, self.reencode, self.careful, self.mask_of, self.shapes]
        return json.dumps(fields).encode() + b"\n"


@dataclasses.dataclass(frozen=True, slots=True)
class Answer:
    """The answer to one request.

    Attributes:
      sha256: of the file's bytes, in hex; empty if it could not be read.
      result: the image, or the reason for its rejection; IS_MASK for a mask that is in ``mask``.
      mask: the mask or its description, if one was asked for and it can be used.
    """

    sha256: str
    result: decode.Decoded | decode.Rejection
    mask: "mask_work.Made | mask_file.Look | None" = None


def answer(
    root: str,
    path: str,
    config: "decode_config.DecodeConfig",
    reencode: bool,
    scale: value_range.Scale,
) -> Answer:
    """Reads and decodes one file of a data folder."""
    content = user_files.read(root, path, config.limits.max_bytes)
    if isinstance(content, decode.Rejection):
        return Answer("", content)
    return Answer(hashing.sha256(content), decode.decode(content, config, reencode, scale))


def pack(found: Answer) -> tuple[bytes, bytes, bytes]:
    """Returns an answer as a line of JSON, the encoded image, and the samples and histogram."""
    head: dict[str, Any] = {"sha256": found.sha256}
    result = found.result
    if found.mask is not None:
        more, encoded = _pack_mask(found.mask)
        head |= {**more, "lengths": [len(encoded), 0]}
        return json.dumps(head).encode() + b"\n", encoded, b""
    if isinstance(result, decode.Rejection):
        head |= {"reason": result.reason, "detail": result.detail, "lengths": [0, 0]}
        return json.dumps(head).encode() + b"\n", b"", b""
    samples = result.samples.tobytes()
    if result.histogram is not None:
        samples += value_range.histogram_to_bytes(result.histogram)
    head |= {"info": result.info, "scale": result.scale}
    head["lengths"] = [len(result.encoded), len(samples)]
    return json.dumps(head).encode() + b"\n", result.encoded, samples


def _pack_mask(mask: "mask_work.Made | mask_file.Look") -> tuple[dict[str, Any], bytes]:
    from data.masks import work

    if isinstance(mask, work.Made):
        return {"facts": mask.facts}, mask.encoded
    return {"look": mask}, b""


def unpack(head: dict[str, Any], encoded: bytes, samples: bytes) -> Answer:
    """Parses the result of :func:`pack`."""
    if "reason" in head:
        return Answer(head["sha256"], decode.Rejection(head["reason"], head["detail"]))
    if "look" in head or "facts" in head:
        return Answer(head["sha256"], IS_MASK, _unpack_mask(head, encoded))
    shape = (decode.SAMPLED_SIDE, decode.SAMPLED_SIDE, 3)
    size = math.prod(shape)
    values = np.frombuffer(samples[:size], np.uint8).reshape(shape)
    info = info_from_json(head["info"])
    rest = samples[size:]
    histogram = value_range.histogram_from_bytes(rest) if rest else None
    decoded = decode.Decoded(encoded, info, values, head["scale"], histogram)
    return Answer(head["sha256"], decoded)


def _unpack_mask(head: dict[str, Any], encoded: bytes) -> "mask_work.Made | mask_file.Look":
    from data.masks import work

    if "look" in head:
        return work.look_from_json(head["look"])
    return work.Made(encoded, work.facts_from_json(head["facts"]))


def info_from_json(raw: list[Any]) -> decode.ImageInfo:
    """Parses the properties of an image from JSON, which is a list of their values."""
    # Lists of older versions end with the image statistics, with the values, or with the refusal.
    added: list[Any] = [None, "", "", 0, 0, 1]
    present = len(raw) - len(decode.ImageInfo._fields) + len(added)
    *head, measures, values, encoding, refused, height, width, orientation = raw + added[present:]
    if values is not None:
        values = value_range.values_from_json(values)
    measures = read_lines.typed(quality.Quality, measures)
    rest = (encoding, refused, height, width, orientation)
    return read_lines.typed(decode.ImageInfo, [*head, measures, values, *rest])


def main() -> None:
    """Answers requests until stdin ends."""
    # Only answers may reach stdout, whatever a library prints.
    output = os.fdopen(os.dup(1), "wb", _SEND_BYTES)
    os.dup2(2, 1)
    settings = json.loads(_first_line())
    config = _unchecked(settings["config"])
    scale = value_range.Scale.from_dict(settings["scale"])
    masks = _rules(settings["masks"]) if settings.get("masks") else None
    # If the system or a container sets a lower limit, that one applies.
    with contextlib.suppress(OSError, ValueError):
        limit = config.limits.max_memory_bytes
        resource.setrlimit(resource.RLIMIT_AS, (limit, resource.getrlimit(resource.RLIMIT_AS)[1]))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    # limits.max_pixels is the bound; Pillow's own is lower and would refuse allowed images.
    Image.MAX_IMAGE_PIXELS = None
    warnings.simplefilter("ignore")
    # Decoding once triggers the lazy imports of plugins before the first deadline runs.
    blank = io.BytesIO()
    Image.new("RGB", (8, 8)).save(blank, "PNG")
    decode.decode(blank.getvalue(), config)
    output.write(READY)
    output.flush()
    _serve(settings["root"], config, scale, masks, output)


def _unchecked(raw: dict[str, Any]) -> "decode_config.DecodeConfig":
    """Returns settings from JSON that the pool wrote from checked ones: pydantic is half of the start."""
    limits = types.SimpleNamespace(**raw["limits"])
    return cast("decode_config.DecodeConfig", types.SimpleNamespace(**{**raw, "limits": limits}))


def _rules(raw: Any) -> "mask_work.Rules":
    from data.masks import work

    return work.Rules.model_validate(raw)


def _first_line() -> bytes:
    """Reads the first line byte by byte, since what follows belongs to the requests."""
    line = b""
    while not line.endswith(b"\n"):
        line += os.read(0, 1) or b"\n"
    return line


def _serve(
    root: str,
    config: "decode_config.DecodeConfig",
    scale: value_range.Scale,
    masks: "mask_work.Rules | None",
    output: IO[bytes],
) -> None:
    received = b""
    sent = time.monotonic()
    while content := os.read(0, _READ_BYTES):
        *lines, received = (received + content).split(b"\n")
        for number, line in enumerate(lines):
            request = Request(*json.loads(line))
            late = number % _SEND_ANSWERS == 0 or time.monotonic() - sent > _SEND_SECONDS
            if request.careful or late:
                output.flush()
                sent = time.monotonic()
            if request.mask_of is None:
                found = answer(root, request.path, config, request.reencode, scale)
            else:
                found = _answer_mask(root, request, request.mask_of, config, masks)
            output.writelines(pack(found))
        output.flush()


def _answer_mask(
    root: str,
    request: Request,
    image: tuple[str, int, int],
    config: "decode_config.DecodeConfig",
    masks: "mask_work.Rules | None",
) -> Answer:
    from data.masks import work

    digest, result = work.work(root, request.path, image, config.limits, masks, request.shapes)
    if isinstance(result, decode.Rejection):
        return Answer(digest, result)
    return Answer(digest, IS_MASK, result)


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt, BrokenPipeError):
        main()
