"""Understands the masks of a data folder: describes them, finds the class list, decides the encoding."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from data import errors
from data.files import user_files
from data.images import decode, decode_config, decoder_pool, decoder_process
from data.masks import class_list, encoding, mask_file
from data.masks import config as mask_config

# Of more masks, as many are described, evenly spread; a value that only others have is unknown.
MOST_DESCRIBED = 2000
SHOWN = 5


@dataclass(frozen=True)
class Understood:
    """What was understood of the masks of a folder.

    Attributes:
      encoding: what the values mean.
      class_file: the class list, relative to the data folder; empty if there is none.
      described, total: how many masks were described, and how many there are.
      rejected: path → why a mask cannot be read, of those that were described.
      problems: what was left out of annotation files: place and reason.
    """

    encoding: encoding.Encoding
    class_file: str
    described: int
    total: int
    rejected: dict[str, decode.Rejection]
    problems: tuple[str, ...] = ()


def understand(
    root: Path,
    masks: Sequence[str],
    limits: decode_config.DecodeConfig,
    config: mask_config.MaskConfig,
    decoders: int = 1,
) -> Understood:
    """Describes masks and decides what their values mean.

    Args:
      root: the data folder.
      masks: the masks' paths relative to it.
      limits: the bounds on a file.
      config: the settings.
      decoders: the number of processes that decode.

    Raises:
      errors.DataError: the class list or the values cannot be understood.
    """
    name, entries = class_entries(root, config)
    step = max(1, len(masks) // MOST_DESCRIBED)
    chosen = list(masks)[::step]
    tally, rejected = encoding.Tally(), {}
    pool = decoder_pool.DecoderPool(str(root), limits, decoders)
    try:
        requests = (decoder_process.Request(path, mask_of=(path, 0, 0)) for path in chosen)
        for request, answer in pool.decode(requests):
            if isinstance(answer.mask, mask_file.Look):
                tally.add(answer.mask)
            elif isinstance(answer.result, decode.Rejection):
                rejected[request.path] = answer.result
    finally:
        pool.close()
    if not tally.masks:
        shown = "; ".join(f"{path}: {why.reason}" for path, why in list(rejected.items())[:SHOWN])
        raise errors.DataError(f"None of the {len(chosen)} masks can be read ({shown}).")
    found = encoding.decide(tally, entries, config)
    return Understood(found, name, len(chosen), len(masks), rejected)


def class_entries(root: Path, config: mask_config.MaskConfig) -> tuple[str, list[class_list.Entry]]:
    """Returns the class list and its file's name; the settings have priority.

    Raises:
      errors.DataError: there are several, or one cannot be understood.
    """
    if config.class_names:
        return "", class_list.of_names(config.class_names)
    known = (*class_list.FILES, *class_list.CSV_FILES)
    found = [path.name for path in sorted(root.iterdir()) if path.name.lower() in known]
    # A colour map beside a list of names says more.
    found.sort(key=lambda name: (not name.lower().endswith(".csv"), name))
    if not found:
        return "", []
    content = user_files.read(str(root), found[0], class_list.MAX_BYTES)
    if isinstance(content, decode.Rejection):
        raise errors.DataError(f"{found[0]} cannot be read: {content.reason} {content.detail}.")
    return found[0], class_list.parse(found[0], content)
