"""Every Beam step on Flink and Spark, with two workers, against FnApiRunner in memory."""

import json
import os
import pathlib

import pytest
from google.protobuf import json_format
from tensorflow_metadata.proto.v0 import statistics_pb2

from components.evaluator import results
from data.examples import records
from data.splits import split
from tests.clusters import made

pytestmark = [
    pytest.mark.cluster,
    # Beam's pool leaves its workers' pipes, and gRPC its streams, to the garbage collector.
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]

ENGINES = ["flink", "spark"]


@pytest.fixture(scope="module")
def local(on_engine):
    return on_engine("--beam.engine=local")


@pytest.fixture(scope="module", params=ENGINES)
def cluster(on_engine, request):
    return on_engine(f"--beam.engine={request.param}", "--beam.workers=2")


@pytest.mark.parametrize(
    ("step", "output"),
    [
        ("ImageFolderExampleGen", "examples"),
        ("ImageValidator", "clean_examples"),
        ("Preprocess", "pixels"),
    ],
)
def test_the_same_records(local, cluster, step, output):
    expected, found = made.stored(local.uri(step, output)), made.stored(cluster.uri(step, output))
    assert expected == found
    assert sum(sum(rows.values()) for rows in found.values()) == 120
    assert all(len(records.files(f"{cluster.uri(step, output)}/Split-{n}")) > 1 for n in ("train",))


def test_the_same_files_are_left_out(local, cluster):
    paths = [
        os.path.join(run.uri("ImageFolderExampleGen", "examples"), "quarantine.csv")
        for run in (local, cluster)
    ]
    expected, found = (pathlib.Path(path).read_text() for path in paths)
    assert expected == found
    assert len(found.splitlines()) == 3


def test_the_same_predictions(local, cluster):
    """The same files to the byte; a model's answers do not depend on who asks."""
    shards = [
        {
            str(path.relative_to(run.uri("Predict", "predictions"))): path.read_bytes()
            for path in pathlib.Path(run.uri("Predict", "predictions")).rglob("*.parquet")
        }
        for run in (local, cluster)
    ]
    assert shards[0] == shards[1]
    assert len(shards[0]) > 1


def statistics(run) -> dict[str, object]:
    """Split and feature → its statistics; those of small sets are exact, their sketches too."""
    uri = run.uri("StatisticsGen", "statistics")
    found = {}
    for name in split.SPLITS:
        content = pathlib.Path(uri, f"Split-{name}", "FeatureStats.pb").read_bytes()
        (dataset,) = statistics_pb2.DatasetFeatureStatisticsList.FromString(content).datasets
        found[name] = dataset.num_examples
        for feature in dataset.features:
            row = json_format.MessageToDict(feature)
            found[f"{name} {'/'.join(feature.path.step)}"] = row
    return found


def test_the_same_statistics(local, cluster):
    assert differences(statistics(cluster), statistics(local)) == []


def test_the_same_findings(local, cluster):
    texts = []
    for run in (local, cluster):
        with open(os.path.join(run.uri("ImageValidator", "report"), "findings.json")) as file:
            texts.append(json.load(file))
    assert texts[0] == texts[1]


def test_the_same_metrics(local, cluster):
    expected, found = (
        results.read(
            run.uri("Evaluator", "evaluation"),
            run.settings.task,
            run.labels,
            run.settings.evaluate,
        )
        for run in (local, cluster)
    )
    assert found.example_count == expected.example_count > 0
    assert differences(json.loads(found.to_json()), json.loads(expected.to_json())) == []


def differences(found, expected, path: str = "") -> list[str]:
    """What differs between two nested values by more than the order of a sum."""
    if isinstance(expected, dict):
        assert found.keys() == expected.keys(), path
        return [row for k in expected for row in differences(found[k], expected[k], f"{path}.{k}")]
    if isinstance(expected, list):
        assert len(found) == len(expected), path
        pairs = enumerate(zip(found, expected, strict=True))
        return [row for i, pair in pairs for row in differences(*pair, f"{path}[{i}]")]
    if isinstance(expected, float):
        same = found == pytest.approx(expected, rel=1e-9, nan_ok=True)
    else:
        same = found == expected
    return [] if same else [f"{path}: {found} and {expected}"]
