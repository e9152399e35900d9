import json
import types

import pytest

from components.release_gate import decision
from data.examples import examples_artifact, ingest_report
from data.images import range_choice, value_range
from pipeline.outcome import step_lines
from pipeline.run import runner
from tasks import gate_check


def test_ingest_tells_how_more_than_8_bits_were_scaled(tmp_path):
    scaled = range_choice.Scaled(
        value_range.INTEGER, "auto", value_range.Range(0, 4095), 3, 0, 4000, "cat/1.png"
    )
    found = ingest_report.Report({"train": {"cat": 3}}, decoded=3, scaled=[scaled])
    examples_artifact.write_report(str(tmp_path), found)
    step = runner.Step(
        "ImageFolderExampleGen", outputs={"examples": [types.SimpleNamespace(uri=str(tmp_path))]}
    )
    assert step_lines.describe(step) == (
        "3 train, 0 eval, 0 test; 3 files hold grey integers of 16 bits or more, values up to 4000"
        " (cat/1.png): scaled from 0–4095 to 0–255, by --ingest.value-range auto."
    )


def test_a_search_tells_what_it_found(tmp_path):
    rows = [
        {"trial_id": "0", "score": 0.5, "dropout": 0.2},
        {"trial_id": "1", "score": 0.25, "dropout": 0.12345, "tuner/epochs": 3},
    ]
    (tmp_path / step_lines.TUNER_RESULTS_FILE).write_text(json.dumps(rows))
    step = runner.Step("Tuner", outputs={"tuner_results": [types.SimpleNamespace(uri=tmp_path)]})
    assert step_lines.describe(step) == "best of 2: eval loss 0.2500 with dropout 0.123"


@pytest.mark.parametrize(
    ("check", "properties", "line"),
    [
        ("map_floor", {}, "no earlier model"),
        ("map_floor", {"baseline_model_id": 3}, "compared with the served model"),
        (
            decision.OTHER_TASK,
            {"baseline_model_id": 3},
            "not compared with the served model of another task",
        ),
    ],
)
def test_the_decision_tells_whether_models_were_compared(tmp_path, check, properties, line):
    checks = [gate_check.Check(check, "release", "Why.")]
    decision.Decision("release", True, checks).write(str(tmp_path))
    step = runner.Step("ReleaseGate", outputs={"decision": [types.SimpleNamespace(uri=tmp_path)]})
    step.properties = lambda name: properties
    assert step_lines.describe(step) == f"release, {line}"
