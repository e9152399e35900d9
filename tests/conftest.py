"""Fixtures that several test files share. What is slow to make is made once a session."""

import ctypes
import gc
import os
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from data import tensorflow_environment

os.environ.update(tensorflow_environment.defaults("3"))
if "PYTEST_XDIST_WORKER" in os.environ:
    # The workers share the processors: more threads would only wait for each other.
    for _library in ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS", "OMP_NUM_THREADS"):
        os.environ.setdefault(_library, "1")

import hypothesis
import pytest

from data.sources import digits
from tests import costs, whole_runs
from tests.data import pictures

# Folders with groups of minutes: begun last, they would keep one worker busy while others have no work.
LONGEST = ("tests/e2e", "tests/serving")
LONGEST_ID = 200
SHARED = Path(__file__).resolve().parent.parent.parent / "shared"

hypothesis.settings.register_profile("quick", max_examples=200, deadline=None)
hypothesis.settings.register_profile("landing", max_examples=2_000, deadline=None)
hypothesis.settings.load_profile("quick")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--costs", type=Path, help="a table of what each test costs is written here")


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(costs.Meter())
    config.pluginmanager.register(Trimmer())
    path = config.getoption("--costs")
    if path is not None and not hasattr(config, "workerinput"):
        config.pluginmanager.register(costs.Rows(path))


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Names a long value by its length and checksum: some have megabytes, which would stand in every report."""
    if not isinstance(val, str | bytes) or len(val) <= LONGEST_ID:
        return None
    content = val if isinstance(val, bytes) else val.encode("utf-8", "surrogatepass")
    return f"{argname}-{len(val)}-{zlib.crc32(content):08x}"


@pytest.hookimpl(tryfirst=True)  # before pytest-xdist puts the groups into the names of the tests
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keeps the tests of a file in one worker, for the sake of its fixtures; the longest come first."""

    def place(item: pytest.Item) -> tuple[bool, bool]:
        return not item.nodeid.startswith(LONGEST), item.get_closest_marker("last") is not None

    items.sort(key=place)
    for item in items:
        if item.get_closest_marker("xdist_group") is None:
            item.add_marker(pytest.mark.xdist_group(item.nodeid.partition("::")[0]))


def pytest_collection_finish(session: pytest.Session) -> None:
    """Spares every garbage collection the million objects of the imported libraries."""
    if getattr(session.config.option, "loadgroup", False):
        # It fails without a word in versions of pytest that it does not know.
        lost = [item.nodeid for item in session.items if "@" not in item.nodeid]
        if lost:
            raise pytest.UsageError(f"pytest-xdist puts {lost[0]} in no group.")
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 10, 10)


def _held_mib() -> int:
    """The memory of this process; 0 where the system does not tell."""
    path = Path("/proc/self/statm")
    return (
        int(path.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") >> 20 if path.exists() else 0
    )


class Trimmer:
    """Gives memory that graphs and models of a test file held back to the system.

    The C library keeps it in pieces, gigabytes after some hundred files, and several workers and their
    servers share one machine.
    """

    GROWTH_MIB = 200

    def __init__(self) -> None:
        self._last_mib = 0

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item, nextitem: pytest.Item | None) -> Iterator:
        done = yield
        ends = nextitem is None or nextitem.path != item.path
        if ends and _held_mib() > self._last_mib + self.GROWTH_MIB:
            gc.collect()
            trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
            if trim is not None:
                trim(0)
            self._last_mib = _held_mib()
        return done


@pytest.fixture(scope="session")
def shared() -> Callable[[str], Path]:
    """A folder of real data beside the checkout; the test is skipped where it is absent."""

    def find(name: str) -> Path:
        path = SHARED / name
        if not path.exists():
            pytest.skip(f"{name} is not beside this checkout")
        return path

    return find


@pytest.fixture(scope="session")
def forked() -> whole_runs.Forked:
    """Whole runs without their imports; whoever asks for it is of the xdist group ``runs``."""
    return whole_runs.Forked()


@pytest.fixture(scope="session")
def digits_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The embedded digits, 60 of each class."""
    return digits.export(tmp_path_factory.mktemp("digits") / "digits", per_class=60)


@pytest.fixture(scope="module")
def graphs_as_they_are() -> Iterator[None]:
    """For modules that load models and ask each once: TensorFlow optimizes no graph, at seconds each."""
    import tensorflow as tf

    tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": True})
    yield
    tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": False})


@pytest.fixture(scope="session")
def right(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The tiny classifier, exported: a ``models.Exported``."""
    from tests import models  # Not above: not every test needs Keras, which loads for seconds.

    return models.exported_tiny(tmp_path_factory)


@pytest.fixture(scope="session")
def exported(tmp_path_factory: pytest.TempPathFactory) -> dict[int, Path]:
    """Two versions with random weights; the second has a class more. Beside them are ``.keras`` files."""
    from tests import models

    return models.exported_versions(tmp_path_factory)


@pytest.fixture
def class_folders(tmp_path: Path) -> Path:
    """Two class folders of 12 small JPEGs each."""
    root = tmp_path / "images"
    for number, name in enumerate(("cat", "dog")):
        (root / name).mkdir(parents=True)
        for index in range(12):
            pictures.noise(24, 32, seed=100 * number + index).save(root / name / f"{index:02d}.jpg")
    return root
