import csv
import importlib.util
import os
import socket
import subprocess
import sys

import pytest

from serving import __main__ as command
from tests.models import LABELS
from tests.serving import served
from tests.serving.served import encoded


@pytest.fixture
def run(capsys):
    """Runs a command; returns exit code, output and errors."""

    def call(*arguments) -> tuple[int, str, str]:
        code = command.main([str(argument) for argument in arguments])
        return (code, *capsys.readouterr())

    return call


def refused(result) -> str:
    """Checks a usage error and returns its one sentence."""
    code, _, said = result
    assert code == 2
    assert said.startswith("Error: ")
    assert said.count("\n") == 1
    return said


def test_versions_rollback_promote_status_prune(run, model_dir):
    flags = ("--model-dir", model_dir)
    code, listed, _ = run("versions", *flags)
    assert code == 0
    rows = [line.split() for line in listed.splitlines()]
    assert [row[:2] for row in rows[:2]] == [["version", "state"], ["2", "served"]]
    assert rows[1][-2] == "3"  # classes
    assert run("rollback", *flags) == (
        0,
        f"{model_dir}: version 1 is served; running servers follow.\n",
        "",
    )
    assert "withdrawn" in run("versions", *flags)[1]
    assert run("promote", 2, *flags)[0] == 0
    assert run("status", *flags)[1].startswith(f"{model_dir}: version 2 is served.\n2 versions")
    assert run("prune", "--keep", 1, *flags)[1] == "Deleted: 1.\n"


@pytest.mark.usefixtures("graphs_as_they_are")
def test_predict_without_a_server(run, model_dir, tmp_path):
    (tmp_path / "[red].jpg").write_bytes(encoded())
    (tmp_path / "text.jpg").write_bytes(b"no image")
    code, table, _ = run(
        *("predict", tmp_path / "[red].jpg", tmp_path / "text.jpg"),
        *("--model-dir", model_dir, "--output", tmp_path / "answers"),
    )
    assert code == 0
    table, _, told = table.partition("Written: ")
    assert told.strip() == str(tmp_path / "answers" / "answers.csv")
    with open(told.strip(), encoding="utf-8", newline="") as file:
        first, second = csv.DictReader(file)
    assert sum(float(first[label]) for label in LABELS) == pytest.approx(1, abs=1e-5)
    assert (first["valid"], second["valid"]) == ("True", "False")
    joined = " ".join(table.replace("\n", " ").split())
    assert "image cannot be read" in joined
    assert any(label.split()[0] in joined for label in LABELS)
    assert joined.endswith("model version 2")


@pytest.mark.parametrize("name", ["serve", "status", "versions", "rollback"])
def test_no_such_folder(run, tmp_path, name):
    said = refused(run(name, "--model-dir", tmp_path / "nowhere"))
    assert f"There is no folder {tmp_path / 'nowhere'}" in said


@served.needs_triton
def test_serve_without_a_version(run, tmp_path):
    assert "contains no version" in refused(run("serve", "--model-dir", tmp_path, "--port", 0))


@served.needs_triton
def test_serve_on_a_taken_port(run, model_dir):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        said = refused(run("serve", "--model-dir", model_dir, "--port", port))
    assert f"Cannot listen on 127.0.0.1, port {port} (Address already in use)" in said
    said = refused(run("serve", "--model-dir", model_dir, "--port", 0, "--host", "192.0.2.1"))
    assert "Cannot listen on 192.0.2.1" in said


@served.needs_triton
def test_ports_are_compared_before_anything_is_loaded(run, model_dir):
    flags = ("--model-dir", model_dir, "--port", 8100, "--rest-port", 8101)
    said = refused(run("serve", *flags))
    assert "Port 8101 is requested for --grpc-port and --rest-port." in said


@pytest.mark.parametrize("name", ["x$(touch hacked)", "with blank", "a;b", "ä", "a\nb", "'a'"])
def test_a_name_that_a_shell_would_take_apart_is_refused(run, model_dir, name):
    model_dir.rename(model_dir.with_name(name))
    said = refused(run("serve", "--model-dir", model_dir.with_name(name), "--port", 0))
    assert f"The folder's name {name!r} cannot be a model's name: allowed are" in said
    assert run("versions", "--model-dir", model_dir.with_name(name))[0] == 0


@served.needs_triton
def test_an_address_file_that_cannot_be_written(run, model_dir, tmp_path):
    flags = ("--model-dir", model_dir, "--port", 0, "--address-file")
    assert "Is a directory" in refused(run("serve", *flags, tmp_path))
    (tmp_path / "file").touch()
    said = refused(run("serve", *flags, tmp_path / "file" / "below"))
    assert "--address-file" in said and "cannot be written: " in said


@served.needs_triton
@pytest.mark.parametrize(
    ("blocks", "reason"), [(0, "No usable temporary directory"), (20, "File too large")]
)
def test_no_room_for_the_temporary_folder(model_dir, tmp_path, blocks, reason):
    """A limit on the size of files acts as a full disk does: at the first file, or at a later one."""
    command = f'ulimit -f {blocks}; exec "$@"'
    serve = [sys.executable, "-m", "serving", "serve", "--model-dir", str(model_dir), "--port", "0"]
    done = subprocess.run(
        ["/bin/bash", "-c", command, "bash", *serve],
        capture_output=True,
        text=True,
        env={**os.environ, "TMPDIR": str(tmp_path), "PYTHONDONTWRITEBYTECODE": "1"},
        timeout=120,
    )
    said = refused((done.returncode, done.stdout, done.stderr))
    assert "emporary folder" in said
    assert reason in said
    assert "TMPDIR to another place." in said
    assert not list(tmp_path.glob("image-serving-*"))


def test_allowed_hosts(run, model_dir):
    flags = ("--model-dir", model_dir, "--allowed-hosts", "a.example,http://b.example")
    assert "--allowed-hosts has 'http://b.example'" in refused(run("serve", *flags))


def test_serve_without_triton(run, model_dir, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert "`pip install .[serve]`" in refused(run("serve", "--model-dir", model_dir))


def test_usage(run, model_dir, tmp_path):
    assert "invalid choice: 'nonsense'" in refused(run("nonsense"))
    assert "--model-dir" in refused(run("serve"))
    said = refused(run("serve", "--model-dir", model_dir, "--port", "70000"))
    assert "70000 is not a port; allowed are 0 to 65535" in said
    assert "at least 1" in refused(run("serve", "--model-dir", model_dir, "--workers", "0"))
    said = refused(run("predict", tmp_path / "a.jpg", tmp_path / "b.jpg"))
    assert "a.jpg cannot be read: No such file or directory. " in said
    assert "b.jpg" in said


def test_predict_where_no_server_is(run, tmp_path):
    (tmp_path / "a.jpg").write_bytes(encoded())
    code, _, said = run("predict", tmp_path / "a.jpg", "--url", "http://127.0.0.1:1")
    assert code == 1
    assert said.startswith("Failed: http://127.0.0.1:1 cannot be reached (")


def test_it_runs_as_a_module_and_imports_no_tensorflow():
    code = "import sys; import serving.__main__; sys.exit('tensorflow' in sys.modules)"
    subprocess.run([sys.executable, "-W", "ignore", "-c", code], check=True)
    done = subprocess.run(
        [sys.executable, "-m", "serving", "--help"],
        capture_output=True,
        text=True,
        env={**os.environ, "COLUMNS": "100"},
        check=True,
    )
    assert "serve the highest version, and follow the folder" in done.stdout
