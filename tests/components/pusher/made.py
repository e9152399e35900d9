"""Models that are files alone."""

from pathlib import Path

from components.pusher import push


def model(folder: Path, content: str) -> Path:
    """Files as in a SavedModel."""
    for name in ("variables/variables.index", "variables/variables.data", "assets/labels.txt"):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{content} {name}")
    (folder / push.SAVED_MODEL_FILE).write_text(content)
    return folder
