"""The processes of a server, on Linux."""

import os
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


def cpu_s(pid: int) -> float:
    """The processor time that the processes below a process have taken until now, in seconds."""
    ticks = 0
    for child in below(pid):
        status = Path(f"/proc/{child}/stat").read_text().rpartition(")")[2].split()
        ticks += int(status[11]) + int(status[12])
    return ticks / os.sysconf("SC_CLK_TCK")
