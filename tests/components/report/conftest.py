"""Rendered pages, and a browser to open them in."""

from pathlib import Path

import pytest

from components.report import index, page
from tests import browser
from tests.components.report import samples
from tests.tasks.multilabel.panels import reports

chromium = browser.chromium
open_page = browser.open_page


@pytest.fixture(scope="session")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Renders a real report, a hostile one, one of several labels, an index: name → file."""
    folder = tmp_path_factory.mktemp("pages")
    rendered = {
        "real": page.render(samples.real()),
        "hostile": page.render(samples.hostile()),
        "index": index.render(samples.runs()),
        "labels": page.render(reports.report()),
    }
    paths = {name: folder / f"{name}.html" for name in rendered}
    for name, path in paths.items():
        path.write_text(rendered[name], encoding="utf-8")
    return paths
