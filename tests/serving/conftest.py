"""Real servers that several test files share, each started once per session."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.serving import served


@pytest.fixture
def model_dir(exported, tmp_path) -> Path:
    """Returns a model's folder with the versions 1 and 2."""
    folder = tmp_path / "serving" / "shapes"
    for version, source in exported.items():
        shutil.copytree(source, folder / str(version))
    return folder


@pytest.fixture(scope="session")
def guarded(exported, tmp_path_factory) -> Iterator[served.Server]:
    """Starts a server with a token, on another address than Triton's; one label is hostile.

    Its TMPDIR contains shell metacharacters.
    """
    folder = tmp_path_factory.mktemp("guarded") / "shapes"
    shutil.copytree(exported[2], folder / "5")
    contract = folder / "5" / "assets" / "contract.json"
    content = json.loads(contract.read_text())
    content["labels"][1] = served.HOSTILE
    contract.write_text(json.dumps(content))
    token_file = folder.parent / "token"
    token_file.write_text(f"{served.TOKEN}\n")
    token_file.chmod(0o600)
    flags = ("--host", "127.0.0.2", "--max-request-bytes", str(served.MOST_BYTES))
    temporary = folder.parent / "a b;$(touch hacked)'"
    temporary.mkdir()
    started = served.Server(
        folder,
        *flags,
        "--token-file",
        str(token_file),
        TMPDIR=str(temporary),
        AIP_MODE="PREDICTION",
    )
    yield started
    started.stop()


@pytest.fixture(scope="session")
def open_server(exported, tmp_path_factory) -> Iterator[served.Server]:
    """Starts a server without a token that records all requests; version 1 has three classes.

    All tests that use it are in the group of its name. Those of test_server.py run last: they
    push versions, and the last one stops it.
    """
    folder = tmp_path_factory.mktemp("open") / "shapes"
    shutil.copytree(exported[2], folder / "1")
    limits = ["--max-pixels", str(served.OPEN_PIXELS)]
    limits += ["--max-request-bytes", str(served.OPEN_BYTES)]
    record = folder.parent / served.RECORD
    started = served.Server(folder, *limits, "--record", str(record), "--record-fraction", "1")
    yield started
    started.stop()
