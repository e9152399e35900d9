"""Triton's model repository, written anew for every change of version.

    ROOT/
      backends/python/        Triton's own Python backend
      backends/savedmodel/    model.py and what lies beside it
      models/NAME             → ../generations/2
      generations/2/          config.pbtxt, warmup/, 41/, 42/
      runtimes/2/             what each worker has chosen to run the network

Triton polls ``models``. A change replaces one link, so Triton sees either the old configuration and
versions or the new ones. It serves the old version until the new one has loaded and warmed up, and
keeps it if that fails. Versions are hard links, or copies across file systems, since the source may
be deleted at any time.
"""

import io
import os
import shutil
import struct
from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from serving.gateway import bounds
from serving.triton import installation, model_config, runtimes
from serving.versions import signatures

BACKEND_FILES = (
    "model.py",
    "failures.py",
    "image_size.py",
    "plain_image.py",
    "colour_profiles.py",
    "image_pixels.py",
    "wire_format.py",
    "onnx_file.py",
    "fast_network.py",
    "runtime_choice.py",
    "runtimes.py",
)
# Outside the models, whose changes Triton takes for new versions.
RUNTIMES = "runtimes"
_WARMUP_SIZE_PX = 64


class Repository:
    """The repository of one model.

    Args:
      root: an empty folder.
      name: the model's name.
      limits: for the configuration.
      triton: has the files of the Python backend.
      runtime: what runs the network, one of ``runtimes.ALL``.
    """

    def __init__(
        self,
        root: Path,
        name: str,
        limits: bounds.Limits,
        triton: installation.Installation,
        runtime: str = runtimes.AUTO,
    ) -> None:
        self.root = root
        self.backends, self.models = root / "backends", root / "models"
        self._generations = root / "generations"
        self._name = name
        self._limits = limits
        self._runtime = runtime
        self._generation = 0
        for folder in (self.models, self._generations, self.backends / "python"):
            folder.mkdir(parents=True)
        for path in triton.python_backend:
            shutil.copy2(path, self.backends / "python")
        (self.backends / model_config.BACKEND).mkdir()
        for name in BACKEND_FILES:
            shutil.copy2(
                Path(__file__).with_name(name), self.backends / model_config.BACKEND / name
            )

    def publish(self, number: int, source: Path, kept: int | None) -> int:
        """Makes Triton switch to a version.

        Args:
          number: the version.
          source: its folder.
          kept: the version that Triton serves until then, which stays on disk.

        Returns:
          The generation, which is in the configuration of the loaded version.

        Raises:
          errors.UserError: the version cannot be read.
          OSError: its folder was deleted, or the disk is full.
        """
        offered = signatures.offered(source)
        generation = self._generation + 1
        directory = self._generations / str(generation)
        shutil.rmtree(directory, ignore_errors=True)  # left by a failed attempt
        previous = self._generations / str(self._generation) / str(kept)
        _link_tree(source, directory / str(number))
        if kept is not None and kept != number:
            _link_tree(previous, directory / str(kept))
        warmup = directory / model_config.WARMUP_FOLDER
        warmup.mkdir()
        (warmup / model_config.IMAGE_INPUT).write_bytes(_warmup_image())
        # Triton's working folder is the one above.
        report = Path(self.root.name, RUNTIMES, str(generation))
        shutil.rmtree(self.root.parent / report, ignore_errors=True)
        text = model_config.text(
            self._name, number, generation, offered, self._limits, self._runtime, str(report)
        )
        (directory / "config.pbtxt").write_text(text, encoding="utf-8")
        link = self._generations / "next"
        link.unlink(missing_ok=True)
        link.symlink_to(Path("..", self._generations.name, directory.name))
        os.replace(link, self.models / self._name)
        if generation > 2:
            shutil.rmtree(self._generations / str(generation - 2), ignore_errors=True)
        self._generation = generation
        return generation

    def chosen(self) -> Sequence[runtimes.Choice]:
        """Returns what the workers of the newest generation have chosen to run the network."""
        return runtimes.read(self.root / RUNTIMES / str(self._generation))


def _link_tree(source: Path, target: Path) -> None:
    shutil.copytree(source, target, copy_function=_link)


def _link(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


def _warmup_image() -> bytes:
    """Returns a grey PNG as a string tensor of Triton: preceded by its length."""
    buffer = io.BytesIO()
    Image.new("RGB", (_WARMUP_SIZE_PX, _WARMUP_SIZE_PX), (128, 128, 128)).save(buffer, "PNG")
    return struct.pack("<I", buffer.tell()) + buffer.getvalue()
