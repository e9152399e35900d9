"""What a process of tests/data/test_fresh_process.py runs."""

import os
import sys
import time
from pathlib import Path


def main(action: str, path: str) -> None:
    """Prints as libraries do, and writes which process it is; or fails as it is told."""
    print("on standard output", flush=True)
    os.write(1, b"and past Python\n")
    if action == "exit":
        sys.exit("There is no such signature.")
    if action == "die":
        os.abort()
    if action == "sleep":
        time.sleep(600)
    Path(path).write_text(str(os.getpid()))
