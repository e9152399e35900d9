"""What every task has, and that nothing else knows one by its name."""

import importlib
import re
from pathlib import Path

import pytest

from serving.gateway import display
from tasks import task
from tasks.pages import parts

ROOT = Path(__file__).resolve().parents[2]
OUTSIDE = ("data", "components", "pipeline", "serving", "scripts")
ENDINGS = {".py", ".jinja", ".html", ".js", ".css", ".yaml", ""}
# Names of features, of folders and of keys that other programs chose, titles of sources.
NAMED_BY_OTHERS = {
    "data/splits/duplicates.py",  # the title of a paper
    "data/examples/feature_names.py",
    "data/masks/pairs.py",
    "data/masks/polygon_files.py",
}
FACETS = (
    "answers", "calibration", "checks", "compare", "evidence", "figures", "head", "panels",
    "signatures", "target",
)  # fmt: skip


def test_no_file_outside_names_a_task():
    """Another module that branches on a task's name would have to change for each new one."""
    name = re.compile(rf"\b({'|'.join(task.names())})\b", re.IGNORECASE)
    files = [
        path
        for folder in OUTSIDE
        for path in (ROOT / folder).rglob("*")
        if path.is_file() and path.suffix in ENDINGS and "__pycache__" not in path.parts
    ]
    assert len(files) > 300
    found = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
        for path in files
        if str(path.relative_to(ROOT)) not in NAMED_BY_OTHERS
        for number, line in enumerate(path.read_text("utf-8", "replace").splitlines(), 1)
        if name.search(line)
    ]
    assert found == []


@pytest.mark.parametrize("name", task.names())
def test_a_task_is_a_folder_with_every_facet(name):
    one = task.load(name)
    for facet in FACETS:
        assert getattr(one, facet) is not None, facet
    assert one.summary
    assert one.labels_per_image in ("one", "any")
    folder = {path.stem for path in (ROOT / "tasks" / name).iterdir()}
    assert folder - {"__init__", "__pycache__"} == set(FACETS)


@pytest.mark.parametrize("name", task.names())
def test_the_images_that_a_report_shows_have_all_that_pictures_ask_for(name):
    chosen = importlib.import_module(f"tasks.{name}.panels.chosen").Chosen
    asked = {one for one in vars(parts.Chosen) if not one.startswith("_")}
    assert asked and asked <= set(dir(chosen))


def test_every_task_names_a_display_of_the_page():
    known = {one.value for one in display.Display}
    assert {task.load(name).signatures.display for name in task.names()} <= known


def test_an_unknown_task_is_refused_by_name():
    with pytest.raises(KeyError, match="no task 'segmentatoin'"):
        task.load("segmentatoin")


@pytest.mark.parametrize("name", task.names())
def test_every_field_of_the_summarys_metrics_is_described(name):
    for field, about in task.load(name).panels.Metrics.model_fields.items():
        assert about.description, field
