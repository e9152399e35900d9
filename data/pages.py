"""Template rendering and image encoding for all HTML pages of the pipeline.

A template writes ``{{ name }}``, which is escaped, formats numbers by the functions of
``formats.py``, and fails on a missing value.
"""

import base64
import io
from collections.abc import Sequence
from pathlib import Path

import jinja2
from PIL import Image

from data import formats
from data.splits import folder

SIDE_PX = 160
_QUALITY = 80


def environment(templates: Path | Sequence[Path], autoescape: bool = True) -> jinja2.Environment:
    """Creates the environment in which the templates of some folders are rendered.

    Args:
      templates: the folder, or several, of which the first with a file of a name has it.
      autoescape: whether values are escaped for HTML; false for Markdown, which has its own rules.
    """
    made = jinja2.Environment(
        loader=jinja2.FileSystemLoader(templates),
        autoescape=autoescape,  # noqa: S701
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    made.filters |= {
        "count": formats.count,
        "decimal": formats.decimal,
        "duration": formats.duration,
        "heading": formats.heading,
        "key": formats.key,
        "operations": formats.operations,
        "percent": formats.percent,
        "points": formats.points,
        "printable": lambda text: folder.printable(str(text)),
        "short": formats.short,
    }
    return made


def data_uri(image: Image.Image) -> str:
    """Reduces an RGB image in place to at most SIDE_PX and returns it as a JPEG in a data URI."""
    image.thumbnail((SIDE_PX, SIDE_PX))
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=_QUALITY)
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode()


def drawn_uri(image: Image.Image) -> str:
    """Returns a drawn image of few colours, perhaps transparent, as a PNG in a data URI."""
    buffer = io.BytesIO()
    image.save(buffer, "PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()
