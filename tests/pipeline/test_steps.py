import json
import types

from pipeline import runner, steps


def test_a_search_tells_what_it_found(tmp_path):
    rows = [
        {"trial_id": "0", "score": 0.5, "dropout": 0.2},
        {"trial_id": "1", "score": 0.25, "dropout": 0.12345, "tuner/epochs": 3},
    ]
    (tmp_path / steps.TUNER_RESULTS_FILE).write_text(json.dumps(rows))
    step = runner.Step("Tuner", outputs={"tuner_results": [types.SimpleNamespace(uri=tmp_path)]})
    assert steps.describe(step) == "best of 2: eval loss 0.2500 with dropout 0.123"
