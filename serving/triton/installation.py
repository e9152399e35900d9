"""Finds the Triton server of nvidia-pytriton without importing it."""

import importlib.util
import os
import sys
import sysconfig
from dataclasses import dataclass
from pathlib import Path

from serving import errors


@dataclass(frozen=True)
class Installation:
    """The Triton server on this machine.

    Attributes:
      binary: the server's executable.
      python_backend: the files of its Python backend.
      library_path: the folders that its dynamic linker must search.
    """

    binary: Path
    python_backend: tuple[Path, ...]
    library_path: str

    def environment(self) -> dict[str, str]:
        """Returns the environment variables for the server and the Python inside it."""
        return {
            **os.environ,
            "LD_LIBRARY_PATH": _first(self.library_path, "LD_LIBRARY_PATH"),
            # The Python inside the server knows neither the virtual environment nor its prefix. From
            # 3.12 on it takes both from the first python on the PATH, earlier from these two.
            "PATH": _first(os.path.join(sys.prefix, "bin"), "PATH"),
            "PYTHONHOME": sys.base_prefix,
            "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
            "PYTHONWARNINGS": "ignore",
            "TF_CPP_MIN_LOG_LEVEL": os.environ.get("TF_CPP_MIN_LOG_LEVEL", "2"),
        }


def find() -> Installation:
    """Finds the server.

    Raises:
      errors.UserError: it is not installed, or cannot run with this Python.
    """
    spec = importlib.util.find_spec("pytriton")
    if spec is None or spec.origin is None:
        raise errors.UserError(
            "The Triton server is not installed; `pip install .[serve]` installs it."
        )
    package = Path(spec.origin).parent
    server = package / "tritonserver"
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    stub = server / "python_backend_stubs" / version / "triton_python_backend_stub"
    backend = server / "backends" / "python"
    files = (*sorted(path for path in backend.glob("*") if path.is_file()), stub)
    missing = [path for path in (server / "bin" / "tritonserver", stub) if not path.exists()]
    if missing:
        raise errors.UserError(
            f"The Triton server has no {missing[0]}: Python {version} is not"
            " supported, or `pip install .[serve]` was not finished."
        )
    library_dir = str(sysconfig.get_config_var("LIBDIR"))
    _require_shared_python(library_dir, version)
    libraries = package.parent / "nvidia_pytriton.libs"
    return Installation(server / "bin" / "tritonserver", files, f"{libraries}:{library_dir}")


def _first(folders: str, name: str) -> str:
    """Returns an environment variable that lists folders, with others put first."""
    return os.pathsep.join(filter(None, [folders, os.environ.get(name, "")]))


def _require_shared_python(library_dir: str, version: str) -> None:
    name = f"libpython{version}.so.1.0"
    multiarch = sysconfig.get_config_var("MULTIARCH") or ""
    folders = (library_dir, os.path.join(library_dir, multiarch))
    if not any(os.path.exists(os.path.join(folder, name)) for folder in folders):
        raise errors.UserError(
            f"The Triton server needs {name}, which this Python does not have; use a Python with a"
            " shared library, such as uv's or one built with --enable-shared."
        )
