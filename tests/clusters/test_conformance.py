"""Every Beam step on Flink and Spark, with two workers, against FnApiRunner in memory."""

import collections
import json
import os
import pathlib

import pytest
import tensorflow as tf
from tensorflow_metadata.proto.v0 import statistics_pb2

from components.evaluator import results
from data import records, split

pytestmark = [
    pytest.mark.cluster,
    # Beam's pool leaves its workers' pipes, and gRPC its streams, to the garbage collector.
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]

ENGINES = ["flink", "spark"]
# TFDV finds these with sketches: what they say may depend on how the records were divided.
SKETCHES = ("median", "histograms", "rank_histogram", "top_values", "unique", "quantiles")


@pytest.fixture(scope="module")
def local(on_engine):
    return on_engine("--beam.engine=local")


@pytest.fixture(scope="module", params=ENGINES)
def cluster(on_engine, request):
    return on_engine(f"--beam.engine={request.param}", "--beam.workers=2")


def stored(uri: str) -> dict[str, collections.Counter]:
    """Split → its records and how often each is there."""
    return {
        name: collections.Counter(
            tf.data.TFRecordDataset(
                records.files(os.path.join(uri, f"Split-{name}"))
            ).as_numpy_iterator()
        )
        for name in split.SPLITS
    }


@pytest.mark.parametrize(
    ("step", "output"),
    [
        ("ImageFolderExampleGen", "examples"),
        ("ImageValidator", "clean_examples"),
        ("Preprocess", "pixels"),
    ],
)
def test_the_same_records(local, cluster, step, output):
    expected, found = stored(local.uri(step, output)), stored(cluster.uri(step, output))
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


def statistics(run) -> dict[tuple[str, str], statistics_pb2.FeatureNameStatistics]:
    """(split, feature) → its statistics."""
    uri = run.uri("StatisticsGen", "statistics")
    found = {}
    for name in split.SPLITS:
        with tf.io.gfile.GFile(os.path.join(uri, f"Split-{name}", "FeatureStats.pb"), "rb") as file:
            (dataset,) = statistics_pb2.DatasetFeatureStatisticsList.FromString(
                file.read()
            ).datasets
        for feature in dataset.features:
            found[name, "/".join(feature.path.step)] = feature
        found[name, ""] = dataset.num_examples
    return found


def figures(message) -> dict[str, object]:
    """The leaves of a proto by path, without what TFDV estimates by sketches."""
    found: dict[str, object] = {}

    def walk(part, path):
        for field, value in part.ListFields():
            if field.name in SKETCHES:
                continue
            values = value if field.is_repeated else [value]
            for position, one in enumerate(values):
                name = f"{path}.{field.name}[{position}]"
                if field.message_type is not None:
                    walk(one, name)
                else:
                    found[name] = one

    walk(message, "")
    return found


def test_the_same_statistics(local, cluster):
    expected, found = statistics(local), statistics(cluster)
    assert expected.keys() == found.keys()
    for key, message in expected.items():
        if not key[1]:
            assert found[key] == message
            continue
        wanted, got = figures(message), figures(found[key])
        assert wanted.keys() == got.keys(), key
        for name, value in wanted.items():
            near = pytest.approx(value, rel=1e-9) if isinstance(value, float) else value
            assert got[name] == near, (key, name)


def test_the_same_findings(local, cluster):
    texts = []
    for run in (local, cluster):
        with open(os.path.join(run.uri("ImageValidator", "report"), "findings.json")) as file:
            texts.append(json.load(file))
    assert texts[0] == texts[1]


def test_the_same_metrics(local, cluster):
    expected, found = (
        results.read(run.uri("Evaluator", "evaluation"), run.labels, run.settings.evaluate)
        for run in (local, cluster)
    )
    assert found.example_count == expected.example_count > 0
    assert near(json.loads(found.to_json()), json.loads(expected.to_json())) == []


def near(found, expected, path: str = "") -> list[str]:
    """What differs between two results; nothing else than the log loss may by a rounding."""
    if isinstance(expected, dict):
        assert found.keys() == expected.keys()
        return [row for key in expected for row in near(found[key], expected[key], f"{path}.{key}")]
    if isinstance(expected, list):
        assert len(found) == len(expected)
        pairs = enumerate(zip(found, expected, strict=True))
        return [row for i, pair in pairs for row in near(*pair, f"{path}[{i}]")]
    if isinstance(expected, float):
        # TFMA sums the losses of a batch in 32 bits, and each engine makes other batches.
        limit = 1e-6 if "log_loss" in path else 1e-9
        same = abs(found - expected) <= limit
    else:
        same = found == expected
    return [] if same else [f"{path}: {found} and {expected}"]
