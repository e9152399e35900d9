"""The models kept on the volume."""

from pathlib import Path

import pytest

from pipeline.kubeflow import released


@pytest.fixture
def model(tmp_path):
    def make(content: str) -> Path:
        path = tmp_path / "models" / content
        (path / "Format-Serving" / "variables").mkdir(parents=True, exist_ok=True)
        (path / "Format-Serving" / "saved_model.pb").write_text("graph")
        (path / "Format-Serving" / "variables" / "data").write_text(content)
        (path / "model.keras").write_text(content)
        return path

    return make


def test_the_last_one_other_than_the_candidate(model, tmp_path):
    folder = tmp_path / "released"
    assert released.latest(folder) is None
    first, second = model("a"), model("b")
    assert released.keep(first, folder).name == "1"
    assert released.latest(folder, first) is None
    released.keep(second, folder)
    assert released.latest(folder).joinpath("model.keras").read_text() == "b"
    assert released.latest(folder, second).joinpath("model.keras").read_text() == "a"


def test_a_model_is_kept_once_and_two_in_all(model, tmp_path):
    folder = tmp_path / "released"
    for content in ("a", "a", "b", "c", "c"):
        released.keep(model(content), folder)
    assert sorted(path.name for path in folder.iterdir()) == ["2", "3"]


def test_half_a_copy_is_never_seen(model, tmp_path, monkeypatch):
    folder = tmp_path / "released"
    released.keep(model("a"), folder)

    def killed(source, target):
        Path(target).mkdir()
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(released.shutil, "copytree", killed)
        with pytest.raises(KeyboardInterrupt):
            released.keep(model("b"), folder)
    (folder / "²").mkdir()
    assert released.latest(folder).name == "1"
    released.keep(model("b"), folder)
    assert sorted(path.name for path in folder.iterdir()) == ["1", "2", "²"]
