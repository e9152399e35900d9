"""Models of plain files, complete to a server and each with its own content."""

from pathlib import Path

from tests import saved_models


def model(folder: Path, content: str) -> Path:
    """Files as in a SavedModel."""
    for name in ("variables/variables.index", "variables/variables.data", "assets/labels.txt"):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{content} {name}")
    return saved_models.write(folder)
