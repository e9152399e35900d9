from data.examples import ingest_report


def test_records_with_several_labels_or_none_count_once():
    # Two records of cat and dog, one of cat, two of nothing.
    parts = [
        ingest_report.Report(examples={"train": {"cat": 2, "dog": 2}}, further_labels={"train": 2}),
        ingest_report.Report(examples={"train": {"cat": 1}}, further_labels={"train": -2}),
        ingest_report.Report(examples={"test": {"dog": 1}}),
    ]
    whole = ingest_report.merge(parts)
    assert whole.examples["train"] == {"cat": 3, "dog": 2}
    assert whole.counts() == {"train": 5, "eval": 0, "test": 1}
    assert whole.further_labels == {}  # in all as many labels as records
    assert ingest_report.Report.from_json(whole.to_json()) == whole
    assert ingest_report.merge(parts[:1]).counts()["train"] == 2


def test_the_quarantine_list_names_all_labels():
    rows = [
        ingest_report.Quarantined("a.jpg", ("cat",), "damaged"),
        ingest_report.Quarantined("b.jpg", ("cat", "dog"), "empty"),
        ingest_report.Quarantined("c.jpg", (), "empty", "0 bytes"),
    ]
    report = ingest_report.Report(quarantined=rows)
    assert report.quarantine_csv().splitlines() == [
        "path,class,reason,detail",
        "a.jpg,cat,damaged,",
        "b.jpg,cat|dog,empty,",
        "c.jpg,,empty,0 bytes",
    ]
    assert ingest_report.Report.from_json(report.to_json()) == report
