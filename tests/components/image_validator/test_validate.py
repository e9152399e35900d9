"""The checks on made-up catalogs; on real images in test_images.py."""

import dataclasses
import sys

import numpy as np
import pytest

from components.image_validator import checks, config, context, findings, validate
from data import errors
from data.corrections import applying
from data.corrections.decisions import Action
from data.examples import catalog, ingest_report
from data.images import range_choice, value_range
from tests.components.image_validator.made import LABELS, checked, data_of, image


def only(outcome: validate.Outcome, check: str) -> findings.Finding:
    assert [finding.check for finding in outcome.findings] == [check], outcome.findings
    return outcome.findings[0]


@pytest.fixture
def clean() -> list[catalog.Image]:
    parts = ["train"] * 40 + ["eval"] * 5 + ["test"] * 5
    return [image(i, "cat" if i % 2 else "dog", parts[i // 2]) for i in range(100)]


def test_a_clean_set_gives_nothing(clean):
    outcome = checked(clean)
    assert outcome.findings == []
    assert outcome.removed == {}


@pytest.mark.parametrize(
    ("check", "changes"),
    [
        ("blank", {"contrast": 0.001, "highlight": 0.0}),
        ("too_dark", {"highlight": 0.1}),
        ("too_bright", {"shadow": 0.99}),
        ("low_contrast", {"contrast": 0.02}),
        ("blurry", {"sharpness": 0.002}),
        ("odd_aspect_ratio", {"height": 90}),
        ("odd_size", {"height": 4000, "width": 6000}),
        ("odd_size", {"height": 14, "width": 20}),
        ("greyscale", {"saturation": 0.0}),
    ],
)
def test_a_bad_image_is_found_and_named(clean, check, changes):
    odd = image(777, **changes)
    finding = only(checked([*clean, odd]), check)
    assert finding.severity == "warn"
    assert finding.message.startswith("1 of 101 images")
    assert finding.cases[0].paths == ["cat/0777.jpg"]


def test_dark_images_of_more_than_8_bits_name_the_range_as_a_cause(clean):
    values = value_range.Values(value_range.INTEGER, 0, 900, value_range.TYPE_16)
    dark = [image(700 + i, highlight=0.01) for i in range(3)]
    dark[1] = dark[1]._replace(info=dark[1].info._replace(values=values))
    assert only(checked([*clean, *dark]), "too_dark").message == (
        "3 of 103 images: too dark. 1 of them have more than 8 bits and were scaled from 0–65535"
        " to 0–255: the cause may be --ingest.value-range."
    )


@pytest.mark.parametrize(
    ("setting", "clipped", "is_told"),
    [("auto", 0, True), ("percentile", 9, True), ("type", 0, False), ("0,100", 2, True)],
)
def test_a_range_that_is_guessed_or_clips_is_a_finding(clean, setting, clipped, is_told):
    scaled = range_choice.Scaled(
        value_range.INTEGER, setting, value_range.Range(0, 4095), 9, 0, 3000, "cat/1.png", clipped
    )
    data = data_of(clean)
    data = dataclasses.replace(data, report=dataclasses.replace(data.report, scaled=[scaled]))
    found = validate.run(data).findings
    assert [(one.check, one.message) for one in found] == [
        ("value_range", scaled.sentence())
    ] * is_told


def test_corrections_that_no_image_matches_are_told_by_cause(clean):
    about = (("cat",), ("dog",), Action.RELABEL)
    gone, other = applying.Unmatched.NO_SUCH_IMAGE, applying.Unmatched.OTHER_LABELS
    idle = [applying.Idle(f"{n}.jpg", *about, gone if n else other) for n in range(3)]
    data = data_of(clean)
    report = dataclasses.replace(data.report, corrections=applying.Applied(idle=idle))
    found = validate.run(dataclasses.replace(data, report=report)).findings
    assert [(one.check, one.severity, one.message) for one in found] == [
        (
            "stale_corrections",
            "warn",
            "2 corrections no longer match, such as that of 1.jpg: no file has the contents that the"
            " decision is about.",
        ),
        (
            "stale_corrections",
            "warn",
            "1 correction no longer matches, such as that of 0.jpg: the image has other labels than"
            " when it was decided about.",
        ),
    ]


def test_the_worst_come_first(clean):
    values = [0.009, 0.001, 0.005]
    odd = [image(200 + i, sharpness=value) for i, value in enumerate(values)]
    finding = only(checked([*clean, *odd]), "blurry")
    assert [case.paths[0] for case in finding.cases] == [
        "cat/0201.jpg",
        "cat/0202.jpg",
        "cat/0200.jpg",
    ]
    assert finding.count == 3


def test_grey_images_among_grey_ones_are_no_oddity(clean):
    grey = [image(300 + i, saturation=0.0) for i in range(60)]
    assert checked([*clean, *grey]).findings == []


def near(phash: str, bits: int) -> str:
    return f"{int(phash, 16) ^ ((1 << bits) - 1):064x}"


def twin(one: catalog.Image, number: int, **changes) -> catalog.Image:
    """Makes a near-duplicate of an image."""
    return image(number, phash=near(one.info.phash, 30), **changes)


@pytest.mark.parametrize(
    ("exact", "close", "changes"),
    [
        ("duplicates", "near_duplicates", {}),
        ("label_conflicts", "near_label_conflicts", {"class_name": "dog"}),
        ("split_leaks", "near_split_leaks", {"split": "test"}),
    ],
)
def test_copies_and_near_copies(clean, exact, close, changes):
    original = image(500)
    copy = image(501, sha256=original.sha256, phash=original.info.phash, **changes)
    finding = only(checked([*clean, original, copy]), exact)
    assert sorted(finding.cases[0].paths) == sorted([original.path, copy.path])
    finding = only(checked([*clean, original, twin(original, 502, **changes)]), close)
    assert finding.cases[0].detail == "30 of 256 bits differ"


def test_conflicts_and_leaks_are_taken_out_by_default(clean):
    one, leak = image(500), image(510)
    images = [
        *clean,
        one,
        image(501, "dog", sha256=one.sha256),
        leak,
        image(511, split="test", sha256=leak.sha256),
    ]
    outcome = checked(images)
    # Of the conflict both go; of the leak, the copy that would be trained on.
    gone = {images[index].path: check for index, check in outcome.removed.items()}
    assert gone == {
        "cat/0500.jpg": "label_conflicts",
        "dog/0501.jpg": "label_conflicts",
        "cat/0510.jpg": "split_leaks",
    }
    assert sum(outcome.report.counts().values()) == 101
    assert [row.reason for row in outcome.report.quarantined] == [
        "label_conflicts",
        "split_leaks",
        "label_conflicts",
    ]


def test_a_placeholder_in_every_class_goes_everywhere(clean):
    """All copies of a conflicting file are doubtful, also those within one class."""
    names = ["cat", "cat", "dog", "bird", "bird"]
    copies = [image(600 + i, name, sha256="aa") for i, name in enumerate(names)]
    outcome = checked([*clean, *copies])
    assert set(outcome.removed) == set(range(100, 105))


def test_the_severity_is_a_setting(clean):
    dark = image(700, highlight=0.05)
    assert checked([*clean, dark], too_dark="ignore").findings == []
    outcome = checked([*clean, dark], too_dark="quarantine")
    assert outcome.removed == {100: "too_dark"}
    outcome = checked([*clean, dark], too_dark="block")
    assert outcome.removed == {}
    with pytest.raises(errors.DataError) as caught:
        findings.block(outcome.findings, "/page.html")
    assert str(caught.value) == (
        "- 1 of 101 images: too dark. cat/0700.jpg. (checks.too_dark)\n"
        "- All findings are in /page.html."
    )
    assert caught.value.report == "/page.html"
    findings.block(checked([*clean, dark]).findings, "/page.html")


def test_a_blocking_message_names_some_files_and_counts_the_rest(clean):
    dark = [image(700 + i, highlight=0.01 * i) for i in range(9)]
    outcome = checked([*clean, *dark], too_dark="block")
    with pytest.raises(errors.DataError, match=r"cat/0704\.jpg, and 4 more\. \(checks\.too_dark\)"):
        findings.block(outcome.findings, "/page.html")


def test_checks_on_the_set_see_what_is_left(clean):
    bird = [image(800 + i, "bird") for i in range(10)]
    assert only(checked([*clean, *bird]), "untested_classes")
    outcome = checked([*clean, *bird, image(820, "dog", sha256=bird[0].sha256)])
    assert [finding.check for finding in outcome.findings] == [
        "label_conflicts",
        "small_classes",
        "untested_classes",
    ]
    assert "has 9 images to train on; 10 are enough" in outcome.findings[1].message


def test_too_many_bad_files(clean):
    bad = [ingest_report.Quarantined(f"cat/{i}", ("cat",), "damaged") for i in range(50)]
    finding = only(checked(clean, bad=bad), "quarantined")
    assert "50 of 150 files (33%) are in quarantine; 20% are allowed" in finding.message
    assert checked(clean, bad=bad, max_quarantined_fraction=0.4).findings == []


def test_imbalance(clean):
    many = [image(1000 + i, "cat") for i in range(400)]
    finding = only(checked([*clean, *many]), "class_imbalance")
    assert "'cat' has 440 images to train on, 'dog' has 40" in finding.message


def test_look_alikes(clean):
    data = data_of(clean)
    data.report.duplicate_distance = 24
    finding = only(validate.run(data), "look_alikes")
    assert "at 56 bits, so 24 are used" in finding.message


def test_label_map_changes(clean):
    assert checked(clean, known_labels=LABELS).findings == []
    finding = only(checked(clean, known_labels=["cat"]), "label_map")
    assert "New since the last run: 'dog'" in finding.message
    finding = only(checked(clean, known_labels=[*LABELS, "fish"]), "label_map")
    assert "Without any image now: 'fish'" in finding.message


def test_anomalies_block_by_default_and_the_message_names_all(clean):
    rows = [context.Anomaly("eval", "image/width", "Out-of-range values")] * 2
    outcome = checked(clean, anomalies=rows)
    with pytest.raises(errors.DataError) as caught:
        findings.block(outcome.findings, "/page.html")
    text = "image/width in the eval split: Out-of-range values (checks.schema_anomalies)"
    assert str(caught.value).count(text) == 2


def spans(newest=None, size=120) -> list[catalog.Image]:
    """Makes two spans with varied image statistics; ``newest`` changes those of the second."""
    random = np.random.default_rng(0)
    images = []
    for span in (1, 2):
        for index in range(size):
            changes = {"brightness": float(random.normal(0.5, 0.05))}
            class_name = "cat" if index % 2 else "dog"
            if span == 2 and newest:
                changes, class_name = newest(index, changes, class_name)
            split = ("train", "train", "eval", "test")[index // 2 % 4]
            images.append(image(2000 * span + index, class_name, split, span, **changes))
    return images


def test_spans_alike_give_nothing():
    assert checked(spans()).findings == []


def test_drift_of_labels():
    images = spans(lambda index, changes, _: (changes, "cat" if index % 5 else "dog"))
    finding = only(checked(images), "label_drift")
    assert "The largest change is that of 'cat': 80%, before 50%" in finding.message
    assert "span 2 and span 1" in finding.message


def test_drift_of_measures():
    images = spans(lambda _, changes, name: ({"brightness": changes["brightness"] - 0.2}, name))
    finding = only(checked(images), "measure_drift")
    assert finding.message.startswith("The brightness of span 2 and span 1 differs")


def test_drift_of_embeddings():
    images = spans()
    random = np.random.default_rng(1)
    same = random.normal(size=(len(images), 8)).astype(np.float32)
    shifted = same + np.array([[0.8 if one.span == 2 else 0.0] for one in images])
    assert checked(images, embed=lambda indices: same[indices]).findings == []
    finding = only(checked(images, embed=lambda indices: shifted[indices]), "embedding_drift")
    assert "by the served model differ" in finding.message


def test_copies_across_spans():
    images = spans()
    copy = image(9000, images[0].labels[0], images[0].split, 2, sha256=images[0].sha256)
    finding = only(checked([*images, copy], measure_drift="ignore"), "span_copies")
    assert sorted(finding.cases[0].paths) == sorted([images[0].path, copy.path])


def test_every_check_has_a_severity_and_every_severity_a_check():
    fields = config.ValidateConfig.model_fields
    severities = {name for name, field in fields.items() if isinstance(field.default, str)}
    assert severities == checks.IMAGE_CHECKS.keys() | checks.SET_CHECKS.keys()
    for name in checks.SET_CHECKS:
        assert fields[name].annotation == config.SetSeverity
    for name in checks.IMAGE_CHECKS:
        assert fields[name].annotation == config.Severity


SHAPES = """
from components.image_validator import context


def square(data):
    sides = [(image.info.height, image.info.width) for image in data.images]
    found = [index for index, (height, width) in enumerate(sides) if height == width]
    if found:
        yield context.Found("square", [context.Case((index,)) for index in found], found)
"""


def test_a_check_is_a_function_and_a_severity(monkeypatch, tmp_path, clean):
    class WithSquare(config.ValidateConfig):
        square: config.Severity = "quarantine"

    (tmp_path / "shapes.py").write_text(SHAPES)
    monkeypatch.setattr(checks, "__path__", [*checks.__path__, str(tmp_path)])
    monkeypatch.setattr(config, "ValidateConfig", WithSquare)
    # Gone from the imported modules afterwards.
    monkeypatch.setitem(sys.modules, f"{checks.__name__}.shapes", None)
    monkeypatch.delitem(sys.modules, f"{checks.__name__}.shapes")
    monkeypatch.setattr(checks, "IMAGE_CHECKS", checks.find(config.Severity))
    outcome = checked([*clean, image(900, height=300)])
    finding = only(outcome, "square")
    assert (finding.severity, finding.count) == ("quarantine", 1)
    assert outcome.removed == {len(clean): "square"}


def test_the_order_of_the_checks():
    """Conflicts come before copies, so that they are the reason of what both remove."""
    assert [*checks.IMAGE_CHECKS][:8] == [
        "label_conflicts",
        "split_leaks",
        "near_label_conflicts",
        "near_split_leaks",
        "duplicates",
        "near_duplicates",
        "span_copies",
        "blank",
    ]


def test_findings_round_trip(clean):
    found = checked([*clean, image(900, highlight=0.0)]).findings
    assert findings.from_json(findings.to_json(found)) == found
