import pytest

from components.image_example_gen import report as ingest_report
from components.image_validator import config, validate
from data import errors

LABELS = ["cat", "dog"]
CLEAN = {
    "train": {"cat": 50, "dog": 50},
    "eval": {"cat": 5, "dog": 5},
    "test": {"cat": 5, "dog": 5},
}


def found(report, anomalies=(), **settings) -> list[validate.Finding]:
    return validate.check(report, LABELS, list(anomalies), config.ValidateConfig(**settings))


def test_a_clean_set_gives_nothing():
    assert found(ingest_report.Report(CLEAN)) == []


def test_too_many_bad_files():
    bad = [ingest_report.Quarantined(f"cat/{i}", "cat", "damaged") for i in range(60)]
    (finding,) = found(ingest_report.Report(CLEAN, bad))
    assert finding.severity == "warn"
    assert "60 of 180 files (33%) are in quarantine; 20% are allowed" in finding.message
    assert found(ingest_report.Report(CLEAN, bad), max_quarantined_fraction=0.4) == []


def test_a_small_and_an_untested_class():
    examples = {**CLEAN, "train": {"cat": 50, "dog": 3}, "test": {"cat": 5}}
    messages = [finding.message for finding in found(ingest_report.Report(examples))]
    assert messages == [
        "Class 'dog' has 3 images to train on; 10 are enough.",
        "Class 'dog' has no image in the test split.",
    ]


def test_a_class_that_is_gone_from_the_folder_is_no_finding():
    examples = {name: {"cat": count["cat"]} for name, count in CLEAN.items()}
    assert found(ingest_report.Report(examples)) == []


def test_anomalies_block_by_default_and_the_message_names_all():
    anomaly = validate.Anomaly("eval", "image/width", "Out-of-range values")
    findings = found(ingest_report.Report(CLEAN), [anomaly, anomaly])
    with pytest.raises(errors.DataError) as caught:
        validate.block(findings, "/findings.json")
    assert "image/width in the eval split: Out-of-range values" in str(caught.value)
    assert "checks.schema_anomalies" in str(caught.value)
    assert "/findings.json" in str(caught.value)


def test_severities_are_settings():
    anomaly = validate.Anomaly("eval", "image/width", "Out-of-range values")
    assert found(ingest_report.Report(CLEAN), [anomaly], schema_anomalies="ignore") == []
    warned = found(ingest_report.Report(CLEAN), [anomaly], schema_anomalies="warn")
    validate.block(warned, "/findings.json")
    assert validate.from_json(validate.to_json(warned)) == warned
