"""Computes a fingerprint of the code of a step, for the cache.

TFX's cache key covers a step's settings and inputs, but not the code of a custom executor or a
run_fn, so an edited step would get its old result.
"""

import contextlib
import hashlib
from importlib import metadata
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SUFFIXES = frozenset({".py", ".pbtxt", ".jinja", ".css", ".js"})
LIBRARIES = ("tensorflow", "keras", "numpy", "pillow")
EXTRAS = ("pillow-heif",)  # it decides whether HEIC files count as images


def fingerprint(*folders: str) -> str:
    """Hashes the project's source files below some folders, and the versions of LIBRARIES.

    Args:
      *folders: relative to the project's root, such as ``components/trainer``.

    Returns:
      The first 16 hex digits of a sha256.
    """
    digest = hashlib.sha256()
    for name in LIBRARIES:
        digest.update(f"{name} {metadata.version(name)}\n".encode())
    for name in EXTRAS:
        with contextlib.suppress(metadata.PackageNotFoundError):
            digest.update(f"{name} {metadata.version(name)}\n".encode())
    for folder in folders:
        for path in sorted((ROOT / folder).rglob("*")):
            if path.suffix in SUFFIXES:
                digest.update(f"{path.relative_to(ROOT)}\0".encode())
                digest.update(path.read_bytes())
    return digest.hexdigest()[:16]
