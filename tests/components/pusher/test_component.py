"""The step in a real pipeline: blessings are obeyed, and its outputs are those of stock Pusher."""

from pathlib import Path

import pytest
from tfx.types import standard_artifacts

from components.pusher import component, config, push
from serving import served_version
from tests.components import real_pipeline
from tests.components.pusher.made import model


def run(root: Path, name: str, blessed: bool, keep: int | None = None) -> dict[str, str | int]:
    """Runs the pipeline; returns the properties of the last push."""
    pushed = real_pipeline.given("model", root / name, standard_artifacts.Model)
    blessing = real_pipeline.given(
        "blessing",
        root / f"blessing-{blessed}",
        standard_artifacts.ModelBlessing,
        blessed=int(blessed),
    )
    pusher = component.Pusher(
        serving_dir=str(root / "serving"),
        settings=config.PushConfig(keep_versions=keep),
        code="",
        model=pushed.outputs["result"],
        model_blessing=blessing.outputs["result"],
    )
    handler = real_pipeline.run(root, "push", [pushed, blessing, pusher])
    return real_pipeline.last(handler, "PushedModel")


@pytest.fixture
def root(tmp_path) -> Path:
    for name in "abc":
        model(tmp_path / name / "Format-Serving", name)
    for blessed in (True, False):
        (tmp_path / f"blessing-{blessed}").mkdir()
    return tmp_path


def test_pushed_skipped_and_not_blessed(root):
    first = run(root, "a", blessed=True)
    version = Path(first["pushed_destination"])
    assert first["pushed"] == 1
    assert version == root / "serving" / first["pushed_version"]
    for copy in (version, Path(first["uri"])):
        assert push.same(copy, root / "a" / "Format-Serving")

    again = run(root, "a", blessed=True)
    assert again["pushed"] == 0
    assert again["pushed_destination"] == first["pushed_destination"]
    assert again["reason"].startswith("The same model is served already")

    refused = run(root, "b", blessed=False)
    assert refused["pushed"] == 0
    assert "pushed_version" not in refused
    assert served_version.served(root / "serving") == int(first["pushed_version"])

    second = run(root, "b", blessed=True)
    third = run(root, "c", blessed=True, keep=1)
    left = {path.name for path in (root / "serving").iterdir() if path.name.isdecimal()}
    assert left == {second["pushed_version"], third["pushed_version"]}
