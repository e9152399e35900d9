"""Prints the architecture of a backbone, layer by layer.

    python -m components.trainer.describe resnet50 --size 160
    python -m components.trainer.describe mobilenet_v2 --json > layers.json

Exit codes: 0 printed; 2 an unknown backbone or a size that it does not take.
"""

import argparse
import dataclasses
import difflib
import json
import os
import re
import sys
import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING

from components.trainer.backbones import registry
from data import command_line, errors, formats, tensorflow_environment

if TYPE_CHECKING:
    from rich.table import Table

    from components.trainer.network import architecture

WIDTH = 100  # columns
NAME_WIDTH = 32  # of them for a layer's name
# Keras' longest class names would take up the width of the layers' names.
SHORT_KINDS = {
    "BatchNormalization": "BatchNorm",
    "GlobalAveragePooling2D": "GlobalAvgPool2D",
    "LayerNormalization": "LayerNorm",
}
COLUMNS = ("layer", "type", "K", "S", "2P", "output", "params", "mult-adds", "field", "saving")
LEGEND = (
    "K kernel, S stride, 2P padding of both sides in px; output in px and channels; mult-adds for"
    " one image; field: the receptive field in px; saving: how many times fewer mult-adds than a"
    " full convolution a depthwise and the pointwise one after it take."
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Prints the table; returns the exit code."""
    try:
        given = _parse(arguments)
        rows = _rows(given.backbone, given.size)
    except errors.PipelineError as error:
        sys.stderr.write(f"Error: {error}\n")
        return error.exit_code
    if given.json:
        text = json.dumps([dataclasses.asdict(row) for row in rows], indent=1)
        sys.stdout.write(text + "\n")
    else:
        _show(given.backbone, rows)
    return 0


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = command_line.Parser(
        prog="python -m components.trainer.describe",
        description="Prints the architecture of a backbone, layer by layer.",
    )
    parser.add_argument("backbone", metavar="BACKBONE", help=", ".join(registry.REGISTRY))
    parser.add_argument(
        "--size", type=int, metavar="PX", help="side of the image (default: the backbone's own)"
    )
    parser.add_argument("--json", action="store_true", help="print the rows as JSON")
    given = parser.parse_args(arguments)
    if given.backbone not in registry.REGISTRY:
        near = difflib.get_close_matches(given.backbone, registry.REGISTRY, n=1)
        hint = f" Did you mean {near[0]}?" if near else ""
        raise errors.ConfigError(
            f"Unknown backbone {given.backbone!r}; known: {', '.join(registry.REGISTRY)}.{hint}"
        )
    return given


def _rows(backbone: str, size_px: int | None) -> "list[architecture.Row]":
    # Messages that libraries print when imported do not belong beside the table.
    os.environ.update(tensorflow_environment.defaults("3"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from components.trainer.network import architecture

    if size_px is None:
        size_px = registry.REGISTRY[backbone].default_size_px
    return architecture.rows(registry.build(backbone, size_px, "random"))


def _show(backbone: str, rows: "Sequence[architecture.Row]") -> None:
    from rich.console import Console

    console = Console(highlight=False, markup=False, emoji=False)
    # Without a terminal, rich would use 80 columns.
    console.width = min(console.width, WIDTH) if console.is_terminal else WIDTH
    console.print(_table(backbone, rows))
    console.print(LEGEND, style="dim")


def _table(backbone: str, rows: "Sequence[architecture.Row]") -> "Table":
    from rich.table import Table

    from components.trainer.network import architecture

    title = f"{backbone}, {rows[0].output_px} px"
    table = Table(title=title, box=None, padding=(0, 1), collapse_padding=True, pad_edge=False)
    for index, column in enumerate(COLUMNS):
        table.add_column(column, justify="left" if index < 2 else "right", no_wrap=True)
    for row in rows:
        table.add_row(_folded(row.name.removeprefix(f"{backbone}_")), *_cells(row))
    total = architecture.totals(rows)
    table.add_row(
        "total",
        f"{total.layers} layers",
        *("", "", "", ""),
        f"{total.parameters:,}",
        formats.operations(total.multiply_adds) or "0",
        str(total.receptive_field_px),
        f"{total.saving:.1f}×" if total.saving > 1 else "",
        style="bold",
    )
    return table


def _cells(row: "architecture.Row") -> list[str]:
    window = (row.kernel, row.stride, row.padding_px)
    return [
        SHORT_KINDS.get(row.kind, row.kind),
        *("" if value is None else str(value) for value in window),
        f"{row.output_px}×{row.output_px}×{row.output_channels}",
        f"{row.parameters:,}" if row.parameters else "",
        formats.operations(row.multiply_adds),
        str(row.receptive_field_px),
        f"{row.saving:.1f}×" if row.saving else "",
    ]


def _folded(name: str) -> str:
    """Breaks a long name into several lines after underscores."""
    lines = [""]
    for part in re.findall("[^_]+_*|_+", name):
        if lines[-1] and len(lines[-1] + part) > NAME_WIDTH:
            lines.append("  ")
        lines[-1] += part
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
