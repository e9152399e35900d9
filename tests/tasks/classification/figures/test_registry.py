"""A metric is one file: a metric that no other code names is added to the others here."""

import subprocess
import sys
from pathlib import Path

import pytest

from tasks import metric, registry
from tasks.classification.figures import FIGURES, metrics

ROOT = Path(__file__).parents[4]

BRIER = """
import numpy as np

from tasks import metric


class Brier:
    def __init__(self):
        self.sum, self.count = 0.0, 0

    def add(self, label_ids, probabilities):
        truth = np.eye(probabilities.shape[1])[label_ids]
        self.sum += float(((probabilities - truth) ** 2).sum())
        self.count += len(label_ids)

    def merge(self, other):
        self.sum += other.sum
        self.count += other.count

    def values(self):
        return {"brier": self.sum / self.count if self.count else float("nan")}


MEASUREMENT = metric.Measurement(
    metrics=(
        metric.Metric(
            "brier", "Brier score", "mean squared distance", metric.Form.NUMBER, most=2.0,
            higher_is_better=False,
        ),
    ),
    tally=lambda _: Brier(),
)
"""

# Adds the folder of the new metric before anything reads the metrics, as if the file were there.
USE = """
import sys
from pathlib import Path

from tasks.classification.figures import metrics
metrics.__path__.append(sys.argv[1])

import numpy as np
from tasks import evaluate_config
from components.release_gate import config
from tasks.classification.evidence import EVIDENCE
from tasks.classification.panels import sections
from tasks.classification import panels
from tests.components.evaluator import evaluated
from tests.tasks.classification.answered import answers

rows = np.array([[0.8, 0.2], [0.3, 0.7], [0.4, 0.6], [0.5, 0.5]])
label_ids = np.array([0, 0, 1, 1])
expected = ((rows - np.eye(2)[label_ids]) ** 2).sum(1).mean()

found = evaluated.evaluate(
    Path(sys.argv[2]),
    [evaluated.record(label_id, row) for label_id, row in zip(label_ids, rows)],
    ["a", "b"],
)
by_tfma = found.value("brier")
wanted = config.GateConfig(min_accuracy=0, max_brier=0.4)
check = EVIDENCE.limits(
    answers(["a", "b"], label_ids, rows.astype(np.float32)), wanted, evaluate_config.EvaluateConfig()
)[-1]
(shown,) = (one for one in sections.metrics_of(found) if one.titled(found.top_k) == "Brier score")
print(expected, by_tfma, check.figures["rate"], found.value(shown.name),
      panels.PANELS.metrics(found, None).figures["brier"])
print(check.name, check.verdict, check.message)
"""


def test_one_file_is_in_tfmas_results_in_the_gate_on_the_page_and_in_the_summary(tmp_path):
    (tmp_path / "metrics").mkdir()
    (tmp_path / "metrics" / "brier.py").write_text(BRIER)
    command = [sys.executable, "-c", USE, tmp_path / "metrics", tmp_path / "evaluated"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    values, judged = done.stdout.splitlines()[-2:]
    expected, *found = map(float, values.split())
    assert found == pytest.approx([expected] * 4, abs=1e-6)
    assert judged == (
        f"brier_ceiling refuse Brier score is {expected:.3f} on 4 test images; at most 0.400 is"
        " allowed."
    )


def test_names_are_words_of_settings_and_each_is_there_once():
    names = [one.name for one in FIGURES.every]
    assert len(set(names)) == len(names)
    assert all(name.isidentifier() and name.islower() for name in names)
    assert {one.name for one in FIGURES.by_class} >= {"precision", "recall", "f1", "auc"}


def test_two_metrics_of_one_name_are_refused(monkeypatch, tmp_path):
    (tmp_path / "again.py").write_text(BRIER.replace('"brier", "B', '"accuracy", "B'))
    monkeypatch.setattr(metrics, "__path__", [*metrics.__path__, str(tmp_path)])
    with pytest.raises(ValueError, match="Several metrics have the name accuracy"):
        _ = registry.Registry(metrics).measurements


@pytest.mark.parametrize(("better", "good", "bad"), [(True, 0.6, 0.5), (False, 0.5, 0.6)])
def test_what_meets_a_limit(better, good, bad):
    one = metric.Metric("x", "x", "x", higher_is_better=better)
    assert one.meets(good, 0.55) and one.meets(0.55, 0.55) and not one.meets(bad, 0.55)
    assert one.setting == ("min_x" if better else "max_x")
