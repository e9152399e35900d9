"""Decides what the values of a set of masks mean: one rule for all of them, said in a sentence.

A single mask is ambiguous: 255 is a class beside 0 alone, and void beside 0 … 20. So all masks are
described first (:mod:`data.masks.mask_file`), added up in a :class:`Tally`, and decided together.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from pydantic import BaseModel, ConfigDict, Field

from data import errors
from data.masks import MAX_CLASSES, VOID, class_list, mask_file
from data.masks import config as mask_config

INDEX = "index"
BINARY = "binary"
COLOUR = "colour"
INSTANCES = "instances"
# Without a class list, more values than this are no class numbers.
MOST_GUESSED = 64
# Distance in levels up to which a value counts as one that a lossy format changed a little.
NEAR = 32
_EXTREME = 16
_SHOWN = 8
_BINARY_NAMES = ("background", "foreground")


class Encoding(BaseModel):
    """The meaning of the values of a set of masks; part of ingest's cache key.

    Attributes are fields, so that it can be stored as JSON.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: str = Field(description="index, binary, colour or instances")
    classes: dict[int, str] = Field(description="mask value or colour → class name")
    void: list[int] = Field(default_factory=list, description="values of pixels without a class")
    max_snapped_share: float = Field(description="see masks.max-snapped-share")
    sentence: str = Field(description="what was understood")

    @property
    def class_names(self) -> list[str]:
        """Returns the names of the classes in the order of their values."""
        return list(dict.fromkeys(name for _, name in sorted(self.classes.items())))


@dataclass
class Tally:
    """What the masks of a set have in common.

    Attributes:
      masks: how many were described.
      kinds: how many of each kind of file.
      lossy: how many are in a format that changes values.
      pixels, having: value → pixels, and masks that have it.
      only_01, only_0255, both: masks with values among {0, 1} (1 present), among {0, 255} (255
        present), and with both 1 and 255.
      numbered: masks whose values are 0 … n without a gap, by n.
    """

    masks: int = 0
    kinds: Counter[str] = field(default_factory=Counter)
    lossy: int = 0
    pixels: Counter[int] = field(default_factory=Counter)
    having: Counter[int] = field(default_factory=Counter)
    only_01: int = 0
    only_0255: int = 0
    both: int = 0
    numbered: Counter[int] = field(default_factory=Counter)

    def add(self, look: mask_file.Look) -> None:
        """Adds one mask."""
        self.masks += 1
        self.kinds[look.kind] += 1
        self.lossy += look.lossy
        found = set(look.values)
        for value, count in zip(look.values, look.counts, strict=True):
            self.pixels[value] += count
            self.having[value] += 1
        self.only_01 += 1 in found and found <= {0, 1}
        self.only_0255 += 255 in found and found <= {0, 255}
        self.both += {1, 255} <= found
        if found == set(range(len(found))):
            self.numbered[len(found) - 1] += 1

    def share(self, low: int, high: int) -> float:
        """Returns the share of all pixels whose value is in low … high."""
        inside = sum(count for value, count in self.pixels.items() if low <= value <= high)
        return inside / max(1, sum(self.pixels.values()))


def decide(
    tally: Tally, entries: Sequence[class_list.Entry], config: mask_config.MaskConfig
) -> Encoding:
    """Decides what the values mean.

    Args:
      tally: all masks.
      entries: the class list; empty if there is none.
      config: the settings.

    Raises:
      errors.DataError: the values cannot be understood; the message says what was found and which
        settings decide.
    """
    if not tally.masks:
        raise errors.DataError("There is no mask that can be read.")
    if config.instances:
        return _instances(tally, entries, config)
    if tally.kinds[mask_file.COLOUR]:
        return _colour(tally, entries, config)
    classes = [one for one in entries if not one.is_void]
    if len(classes) <= 2 and not config.void and _is_binary(tally):
        return _binary(tally, classes, config)
    if tally.lossy:
        raise errors.DataError(
            f"{tally.lossy} of {tally.masks} masks are JPEGs or of another lossy format, which does"
            " not keep class numbers; only masks of two classes (0 and 255) or of colours can be"
            " lossy. Save them as PNG."
        )
    return _index(tally, entries, config)


def _is_binary(tally: Tally) -> bool:
    values = set(tally.pixels)
    if values <= {0, 255}:
        return 255 in values
    if values == {0, 65535}:
        return True
    if values <= {0, 1, 255} and tally.only_01 and tally.only_0255 and not tally.both:
        return True
    between = any(64 <= value <= 191 for value in values)
    ends = tally.share(0, _EXTREME) + tally.share(255 - _EXTREME, 255)
    return max(values) <= 255 and between and ends >= 0.9 and tally.share(255 - _EXTREME, 255) > 0


def _binary(
    tally: Tally, classes: Sequence[class_list.Entry], config: mask_config.MaskConfig
) -> Encoding:
    high = 65535 if 65535 in tally.pixels else 255
    names = [one.name for one in classes]
    names = [_BINARY_NAMES[0], *names] if len(names) == 1 else names or list(_BINARY_NAMES)
    sentence = f"two values, 0 is {names[0]} and {high} is {names[1]}"
    if tally.only_01:
        sentence += f"; {tally.only_01} masks have 0 and 1 instead"
    exact = (0, 1, high) if tally.only_01 else (0, high)
    other = len(set(tally.pixels) - set(exact))
    if other:
        sentence += f"; {other} values between them are snapped to the nearer one"
    return Encoding(
        kind=BINARY,
        classes={0: names[0], high: names[1]},
        max_snapped_share=config.max_snapped_share,
        sentence=f"{_kinds(tally)}: {sentence}",
    )


def _index(
    tally: Tally, entries: Sequence[class_list.Entry], config: mask_config.MaskConfig
) -> Encoding:
    values = sorted(tally.pixels)
    void = {VOID, *config.void} | {one.value for one in entries if one.is_void}
    known = {one.value: one.name for one in entries if one.value not in void}
    if not entries:
        _refuse_instances(tally)
        rest = [value for value in values if value not in void]
        if len(rest) > MOST_GUESSED:
            raise errors.DataError(
                f"The masks have {len(values)} different values ({_list(values)}), too many to be"
                " class numbers. Name the classes by --ingest.masks.class-names or a classes.txt,"
                " or set --ingest.masks.instances true if the values number objects."
            )
        known = {value: str(value) for value in rest}
    if not known or len(known) > MAX_CLASSES:
        raise errors.DataError(
            f"The masks have {len(known)} classes; 1 to {MAX_CLASSES} are possible. Their values:"
            f" {_list(values)}."
        )
    unknown = [value for value in values if value not in known and value not in void]
    sentence = f"{len(known)} classes by value ({_list(sorted(known))})"
    used = [value for value in sorted(void) if value in tally.pixels]
    sentence += f"; void is {_list(used)}" if used else "; no void"
    if unknown:
        sentence += f"; unknown values: {_list(unknown)}"
    return Encoding(
        kind=INDEX,
        classes=known,
        void=sorted(void),
        max_snapped_share=config.max_snapped_share,
        sentence=f"{_kinds(tally)}: {sentence}",
    )


def _colour(
    tally: Tally, entries: Sequence[class_list.Entry], config: mask_config.MaskConfig
) -> Encoding:
    coloured = [one for one in entries if one.colour is not None]
    if not coloured:
        common = [value for value, _ in tally.pixels.most_common(_SHOWN)]
        raise errors.DataError(
            f"{tally.kinds[mask_file.COLOUR]} of {tally.masks} masks are in colour"
            f" ({', '.join(f'#{value:06x}' for value in common)}"
            f"{', …' if len(tally.pixels) > _SHOWN else ''}), and no colour map says which class"
            " each colour means. Put a class_dict.csv with the columns name,r,g,b into the data"
            " folder."
        )
    void = [one.colour for one in coloured if one.is_void and one.colour is not None]
    classes = {
        one.colour: one.name for one in coloured if one.colour is not None and not one.is_void
    }
    other = [value for value in tally.pixels if value not in classes and value not in void]
    sentence = f"{len(classes)} classes by colour"
    sentence += f"; void is {', '.join(f'#{value:06x}' for value in void)}" if void else ""
    sentence += f"; {len(other)} other colours are snapped to the nearest" if other else ""
    return Encoding(
        kind=COLOUR,
        classes=classes,
        void=void,
        max_snapped_share=config.max_snapped_share,
        sentence=f"{_kinds(tally)}: {sentence}",
    )


def _instances(
    tally: Tally, entries: Sequence[class_list.Entry], config: mask_config.MaskConfig
) -> Encoding:
    names = [one.name for one in entries if not one.is_void][-1:] or ["object"]
    return Encoding(
        kind=INSTANCES,
        classes={0: _BINARY_NAMES[0], 1: names[0]},
        void=sorted(config.void),
        max_snapped_share=config.max_snapped_share,
        sentence=f"{_kinds(tally)}: instance masks, 0 is background and every other value one"
        f" {names[0]}",
    )


def _refuse_instances(tally: Tally) -> None:
    """Refuses masks that number their objects: 0 … n without a gap, and n differs widely."""
    long = sum(count for last, count in tally.numbered.items() if last >= 12)
    different = len([last for last in tally.numbered if last >= 12])
    if different >= 5 and long >= 0.8 * tally.masks:
        raise errors.DataError(
            f"The masks look like instance masks: {long} of {tally.masks} number their objects from"
            f" 1 to between {min(last for last in tally.numbered if last >= 12)} and"
            f" {max(tally.numbered)}. Set --ingest.masks.instances true to make every object one"
            " class, or name the classes by --ingest.masks.class-names."
        )


def _kinds(tally: Tally) -> str:
    texts = {
        mask_file.INDEX: "grey of 8 bits",
        mask_file.PALETTE: "palette images by index",
        mask_file.BILEVEL: "1 bit",
        mask_file.COLOUR: "RGB colours",
        mask_file.ALPHA: "transparency",
        mask_file.DEEP: "grey of 16 bits",
    }
    return ", ".join(f"{texts[kind]}" for kind, _ in tally.kinds.most_common())


def _list(values: Sequence[int]) -> str:
    if len(values) > 2 and list(values) == list(range(values[0], values[-1] + 1)):
        return f"{values[0]}–{values[-1]}"
    shown = ", ".join(map(str, values[:_SHOWN]))
    return f"{shown}, …" if len(values) > _SHOWN else shown
