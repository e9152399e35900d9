"""The documents name what the code has."""

import re
from pathlib import Path

import pydantic
import pytest

from components.image_validator import checks, config
from components.release_gate import config as gate_config
from components.trainer.backbones import registry
from data.images import refusals
from data.layout import unused
from pipeline.outcome import summary
from tasks import task

METRICS = [one for name in task.names() for one in task.load(name).figures.every]
DOCS = Path(__file__).resolve().parent.parent / "docs"


def rows(name: str) -> dict[str, str]:
    """The first cell of every table row that is code → the rest of the row."""
    text = (DOCS / name).read_text(encoding="utf-8")
    return {match[1]: match[2] for match in re.finditer(r"^\| `(\w+)` \|(.*)$", text, re.MULTILINE)}


def test_every_reason_is_documented():
    documented = rows("data.md").keys()
    assert documented >= refusals.REASONS.keys()
    assert documented >= {reason.value for reason in unused.Reason}


def test_every_check_is_documented_with_its_default():
    documented = rows("data.md")
    for name in checks.IMAGE_CHECKS | checks.SET_CHECKS:
        default = config.ValidateConfig.model_fields[name].default
        assert documented[name].split("|")[0].strip() == default, name
    reasons = refusals.REASONS.keys() | {reason.value for reason in unused.Reason}
    extra = documented.keys() - reasons - checks.IMAGE_CHECKS.keys()
    assert extra == checks.SET_CHECKS.keys()


def test_every_backbone_is_documented():
    documented = rows("training.md")
    for name, entry in registry.REGISTRY.items():
        parameters, size, _, licence = (cell.strip() for cell in documented[name].split("|")[:4])
        assert parameters == f"{entry.parameters:,}", name
        assert (int(size), licence) == (entry.default_size_px, entry.licence), name


def test_every_setting_of_the_gate_is_documented_with_its_default():
    text = (DOCS / "evaluation.md").read_text(encoding="utf-8")
    documented = dict(re.findall(r"^\| `gate\.(\w+)` \| ([^|]*)\|", text, re.MULTILINE))
    limits = {one.setting for one in METRICS}
    fields = {
        name: field
        for name, field in gate_config.GateConfig.model_fields.items()
        if name not in limits
    }
    assert documented.keys() == fields.keys()
    for name, field in fields.items():
        shown = documented[name].strip().strip("`").replace(",", "")
        default = field.get_default(call_default_factory=True)
        if isinstance(default, pydantic.BaseModel):
            assert shown == "", name  # its settings are told elsewhere
        elif isinstance(default, float):
            assert float(shown) == default, name
        else:
            assert shown == ("" if default is None else str(default).lower()), name


def test_every_metric_is_documented_with_its_limit():
    text = (DOCS / "evaluation.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| ([^|`]+) \| `gate\.(\w+)`([^|]*) \| (.+) \|$", text, re.MULTILINE)
    assert rows == [
        (
            one.titled("k"),
            one.setting,
            f" (`auto`: {one.automatic_text})" if one.automatic else "",
            one.definition,
        )
        for one in METRICS
    ]


def test_every_field_of_the_summary_is_documented():
    text = (DOCS / "runs.md").read_text(encoding="utf-8")
    table = text[text.index("### summary.json") :]
    named = set(re.findall(r"`([\w.]+)`", table))
    fields = summary.Summary.model_fields.keys() - {"metrics"}
    assert fields <= named
    assert summary.Layout.model_fields.keys() <= named


def test_every_target_and_mark_of_the_suite_is_documented():
    text = (DOCS / "development.md").read_text(encoding="utf-8")
    makefile = (DOCS.parent / "Makefile").read_text()
    targets = set(re.findall(r"^(check|test[\w-]*):", makefile, re.MULTILINE))
    named = set(re.findall(r"^\| `make ([\w-]+)` \|", text, re.MULTILINE))
    assert named == targets
    declared = re.findall(
        r'^  "(\w+): ', (DOCS.parent / "pyproject.toml").read_text(), re.MULTILINE
    )
    table = text[text.index("| mark |") : text.index("Warnings are errors")]
    assert set(declared) <= set(re.findall(r"`(\w+)`", table))
    assert len(declared) >= 4
    ci = (DOCS.parent / ".ci" / "run").read_text()
    assert set(re.findall(r"\bmake ([\w-]+)", ci)) == {
        "check",
        "test",
        "test-current",
        "test-landing",
        "test-conformance",
    }


PAGES = [DOCS.parent / "README.md", *sorted(DOCS.glob("*.md"))]


def anchors(page: Path) -> set[str]:
    """The anchors that GitHub makes of a page's headings."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    kept = [re.sub(r"[^\w\- ]", "", heading.lower()) for heading in headings]
    return {heading.replace(" ", "-") for heading in kept}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_somewhere(page):
    links = re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8"))
    for link in links:
        if "://" in link:
            continue
        path, _, anchor = link.partition("#")
        target = page.parent / path if path else page
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


def test_every_path_of_the_readme_exists():
    root = DOCS.parent
    text = (root / "README.md").read_text(encoding="utf-8")
    tables = text[text.index("## Where do I change …?") :]
    named = re.findall(r"`([\w./]+/[\w.]*)`", tables)
    assert len(named) > 20
    assert [path for path in named if not (root / path).exists()] == []
    tree = text[text.index("## Where is what?") :].split("```")[1]
    packages = {path.parent.name for path in root.glob("*/__init__.py")}
    assert packages <= {line.split("/")[0] for line in tree.splitlines()}
    folders: list[str] = []
    for line in tree.strip("\n").splitlines():
        indent, name = len(line) - len(line.lstrip()), line.split()[0]
        if name.endswith("/"):
            folders = [*folders[: indent // 2], name]
            assert (root / "".join(folders)).is_dir(), line
        elif indent // 2 <= len(folders):
            assert (root / "".join(folders[: indent // 2]) / name).exists(), line
