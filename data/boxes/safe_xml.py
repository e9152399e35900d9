"""Parses XML of strangers: with line numbers, within bounds, without entities.

Expat itself expands entities; a declaration of one, or of a document type, is refused, so that no
file can be read and no text grows. Python's ElementTree reports no lines.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from xml.parsers import expat

from data.files import read_back

MAX_BYTES = 64 << 20
MAX_DEPTH = 32
MAX_NODES = 5_000_000


@dataclass
class Node:
    """An element.

    Attributes:
      tag: its name.
      line: where it begins.
      attributes: name → value.
      children: the elements in it.
      text: the text directly in it, without space around it.
    """

    tag: str
    line: int
    attributes: dict[str, str] = field(default_factory=dict)
    children: list["Node"] = field(default_factory=list)
    text: str = ""

    def all(self, tag: str) -> Iterator["Node"]:
        """Yields the children of a name."""
        return (child for child in self.children if child.tag == tag)

    def first(self, tag: str) -> "Node | None":
        """Returns the first child of a name."""
        return next(self.all(tag), None)

    def value(self, *path: str) -> str:
        """Returns the text of the element that a path of names leads to; empty if there is none."""
        node: Node | None = self
        for tag in path:
            node = node.first(tag) if node else None
        return node.text if node else ""


def parse(content: bytes) -> Node:
    """Parses a document and returns its root.

    Raises:
      read_back.BrokenError: it is not well-formed, exceeds a bound, or declares entities.
    """
    if len(content) > MAX_BYTES:
        raise read_back.BrokenError(f"it has {len(content):,} bytes; {MAX_BYTES:,} are allowed")
    reading = _Reading()
    try:
        reading.parser.Parse(content, True)
    except expat.ExpatError as error:
        raise read_back.BrokenError(f"it is not well-formed XML ({error})") from error
    except (LookupError, ValueError) as error:
        if isinstance(error, read_back.BrokenError):
            raise
        raise read_back.BrokenError(f"its encoding is unknown ({error})") from error
    return reading.root.children[0]


class _Reading:
    """One pass over a document."""

    def __init__(self) -> None:
        self.root = Node("", 0)
        self._open = [self.root]
        self._nodes = 0
        self.parser = expat.ParserCreate()
        self.parser.buffer_text = True
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._characters
        self.parser.StartDoctypeDeclHandler = self._refuse
        self.parser.EntityDeclHandler = self._refuse

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        self._nodes += 1
        if self._nodes > MAX_NODES or len(self._open) > MAX_DEPTH:
            raise read_back.BrokenError("it has too many elements, or they are nested too deeply")
        node = Node(tag, self.parser.CurrentLineNumber, attributes)
        self._open[-1].children.append(node)
        self._open.append(node)

    def _end(self, _: str) -> None:
        node = self._open.pop()
        node.text = node.text.strip()

    def _characters(self, text: str) -> None:
        self._open[-1].text += text

    def _refuse(self, *_: object) -> None:
        raise read_back.BrokenError("it declares a document type or an entity")
