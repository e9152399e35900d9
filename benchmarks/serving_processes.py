"""What the processes of a model server cost: processor time and memory, by their part in it. Linux."""

import os
import threading
import time
from collections import defaultdict
from pathlib import Path

import numpy as np

from benchmarks import process_tree

GATEWAY, TRITON, WORKERS = "gateway", "Triton", "workers"
_TICKS_S = os.sysconf("SC_CLK_TCK")
_PAGE_MIB = os.sysconf("SC_PAGE_SIZE") / 2**20
# By a word of the command line.
_PARTS = {"triton_python_backend_stub": WORKERS, "tritonserver": TRITON, "serving": GATEWAY}


def processor_s(pid: int) -> dict[str, float]:
    """Sums the processor time of a server's processes in seconds, by part.

    Args:
      pid: of ``python -m serving serve``.
    """
    found: dict[str, float] = defaultdict(float)
    for part, folder in _processes(pid):
        fields = (folder / "stat").read_text().rpartition(")")[2].split()
        found[part] += (int(fields[11]) + int(fields[12])) / _TICKS_S
    return found


def memory_mib(pid: int) -> dict[str, float]:
    """Sums the resident memory of a server's processes in MiB, by part."""
    found: dict[str, float] = defaultdict(float)
    for part, folder in _processes(pid):
        found[part] += int((folder / "statm").read_text().split()[1]) * _PAGE_MIB
    return found


def _processes(pid: int) -> list[tuple[str, Path]]:
    found = []
    for one in [pid, *process_tree.below(pid)]:
        folder = Path(f"/proc/{one}")
        command = (folder / "cmdline").read_bytes().decode(errors="replace")
        part = next((part for word, part in _PARTS.items() if word in command), "others")
        found.append((part, folder))
    return found


class Watch:
    """Samples the memory of a server in a thread while a block runs.

    Args:
      pid: of the server.
      every_s: between two samples.
    """

    def __init__(self, pid: int, every_s: float = 2) -> None:
        self._pid, self._every_s = pid, every_s
        self._samples: list[tuple[float, dict[str, float]]] = []
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> "Watch":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join()

    def _run(self) -> None:
        while True:
            self._samples.append((time.monotonic(), memory_mib(self._pid)))
            if self._end.wait(self._every_s):
                return

    def result(self) -> dict[str, dict[str, float]]:
        """Returns memory at a third of the time and at its end in MiB, and the slope between in MiB an hour.

        What comes before is caches that fill. The slope is that of the line with the least squares.
        """
        kept = self._samples[len(self._samples) // 3 :]
        hours = np.array([at_s / 3600 for at_s, _ in kept])
        found = {}
        for part in [*kept[-1][1], "all"]:
            memory = [sum(m.values()) if part == "all" else m.get(part, 0.0) for _, m in kept]
            slope = float(np.polyfit(hours - hours[0], memory, 1)[0]) if len(kept) > 1 else 0.0
            found[part] = {
                "mib_at_a_third": round(memory[0], 1),
                "mib_at_the_end": round(memory[-1], 1),
                "mib_per_hour": round(slope, 1),
            }
        return found
