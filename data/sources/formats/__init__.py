"""The formats of manifests. A new one is a file beside this one and a line in ALL.

The first that recognises a file reads it.
"""

from data.sources.formats import coco, delimited, json_lines, label_studio, parquet
from data.sources.table import TableFormat

ALL: tuple[TableFormat, ...] = (
    label_studio.CSV,
    label_studio.JSON,
    coco.FORMAT,
    delimited.FORMAT,
    json_lines.FORMAT,
    parquet.FORMAT,
)
REGISTRY = {one.name: one for one in ALL}
