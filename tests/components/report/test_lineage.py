from components.report import config, lineage


def test_what_was_made_is_listed_in_the_order_of_time():
    """The order in which artifacts reach the step is another one in each process."""
    job = config.ReportJob.model_construct(seed=7, fingerprint="abc")
    made_ms = {"model": 3000, "examples": 1000, "unknown": 0, "findings": 1000}
    groups = dict(lineage.collect(job, "photos", "123", made_ms))
    assert [name for name, _ in groups["Made at (UTC)"]] == ["examples", "findings", "model"]
    assert groups["Seeds"] == (("seed", "7"),)
