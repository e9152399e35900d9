"""The processes of a server, on Linux."""

from pathlib import Path


def below(pid: int) -> list[int]:
    """All processes that a process has started, and that they have; parents come first."""
    found: list[int] = []
    waiting = [pid]
    while waiting:
        for path in Path(f"/proc/{waiting.pop()}/task").glob("*/children"):
            children = [int(child) for child in path.read_text().split()]
            found += children
            waiting += children
    return found
