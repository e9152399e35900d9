import io
from pathlib import Path

from rich.console import Console

from data.examples import ingest_report
from data.masks import mask_report
from data.sources import by_folder
from data.sources import registry as label_sources
from pipeline.outcome import outcome, summary
from tasks.classification.panels import outcome as classified
from tests.data import manifests
from tests.data.folders import touch

NAMES = ["[/red]", ":cat:", "[bold]x"]


def test_names_are_shown_as_they_are():
    row = {"precision": 1.0, "recall": None, "f1": 0.5, "support": 2}
    found = summary.Summary(
        run_id="1",
        status="not_blessed",
        data_dir="d",
        layout=summary.Layout(
            splits={},
            spans=[],
            classes=dict.fromkeys(NAMES, 5),
            unused={"hidden_or_system": 2, "outside_class_folder": 1},
            unused_csv="/out/[u]/unused.csv",
        ),
        examples={"train": 8, "eval": 1, "test": 6},
        quarantined=1,
        quarantine_csv="/out/[q]/quarantine.csv",
        findings=[summary.Finding(check="blurry", severity="warn", message="m", count=3)],
        findings_page="/out/[p]/findings.html",
        metrics=classified.Metrics(accuracy=0.5, per_class=dict.fromkeys(NAMES, row)),
        verdict="refuse",
        blessed=False,
        reasons=["The recall of '[/red]' is 10.0%; at least 20.0% is needed."],
        pushed=None,
        model_dir=None,
        report="/out/[r]/report.html",
        model_card=None,
        steps=[],
        seconds=1.0,
    )
    buffer = io.StringIO()
    console = Console(file=buffer, width=120, highlight=False, markup=False, emoji=False)
    outcome.show(found, console, Path("/out/[x]/summary.json"))
    shown = buffer.getvalue()
    for part in (*NAMES, *found.reasons, "/out/[q]/quarantine.csv", "/out/[x]/summary.json"):
        assert part in shown
    assert "3 files not used: /out/[u]/unused.csv" in shown
    for part in ("1 finding in the images: /out/[p]/findings.html", "1 file in quarantine"):
        assert part in shown
    assert "Refused, not pushed." in shown
    assert "Report: /out/[r]/report.html" in shown
    assert "undefined" in shown


def test_the_summary_has_what_was_understood(tmp_path):
    touch(tmp_path, "train/cat/1.jpg", "train/dog/2.jpg", "Testing/cat/3.jpg", "loose.jpg", ".x")
    assert summary.Layout.of(by_folder.scan(tmp_path)).model_dump() == {
        "splits": {"test": ["Testing"], "train": ["train"]},
        "spans": [],
        "manifest": None,
        "classes": {"cat": 2, "dog": 1},
        "unused": {"hidden_or_system": 1, "outside_class_folder": 1},
        "unused_images": 1,
        "unused_csv": None,
    }
    rows = [{"file_name": "loose.jpg", "label": "cat", "split": "train"}]
    manifests.write(tmp_path / "metadata.csv", rows)
    layout = summary.Layout.of(label_sources.scan(label_sources.request(tmp_path)))
    assert (layout.manifest, layout.splits) == ("metadata.csv", {"train": ["metadata.csv"]})
    assert layout.unused == {"hidden_or_system": 1, "not_in_manifest": 3}


def test_the_classes_of_masks_are_those_that_ingest_found(tmp_path):
    before = summary.Layout(splits={}, spans=[], classes={}, unused={})
    masks = mask_report.MaskReport("two classes", images={"tree": 3, "sky": 5})
    report = ingest_report.Report(unused={"image_without_mask": 1}, masks=masks)
    found = before.ingested(report, "/out/unused.csv")
    assert found.classes == {"sky": 5, "tree": 3} and found.unused == {"image_without_mask": 1}
    assert before.ingested(ingest_report.Report(), "u").classes == {}
