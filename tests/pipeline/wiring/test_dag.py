"""The wiring against a golden list, and what the cache key covers."""

import pytest
from tfx.dsl.compiler import compiler

from components.infra_validator import config as infra_config
from components.infra_validator import trial
from pipeline.run import preflight
from pipeline.settings import pipeline_config
from pipeline.wiring import code_fingerprint, dag

GOLDEN = {
    "ImageFolderExampleGen": set(),
    "StatisticsGen": {"ImageFolderExampleGen"},
    "ImportSchemaGen": set(),
    "ExampleValidator": {"StatisticsGen", "ImportSchemaGen"},
    "ImageValidator": {"ImageFolderExampleGen", "ExampleValidator"},
    "Preprocess": {"ImageValidator"},
    "start": {"Preprocess"},
    "Trainer": {"Preprocess", "start"},
    "Predict": {"ImageValidator", "Trainer"},
    "Evaluator": {"Predict"},
    "baseline": {"Trainer"},
    "ReleaseGate": {
        "ImageValidator",
        "Preprocess",
        "Trainer",
        "Predict",
        "Evaluator",
        "baseline",
    },
    "InfraValidator": {"ImageValidator", "Trainer", "ReleaseGate"},
    "Pusher": {"ReleaseGate", "InfraValidator"},
    "Report": {"ImageValidator", "Trainer", "Predict", "Evaluator", "ReleaseGate", "Pusher"},
}


if trial.left_out(infra_config.InfraConfig()):  # no model server for this Python
    del GOLDEN["InfraValidator"]
    GOLDEN["Pusher"] = {"Trainer", "ReleaseGate"}


def compiled(class_folders, tmp_path, *arguments):
    flags = ["--data-dir", str(class_folders), "--output-dir", str(tmp_path / "out"), *arguments]
    parsed = pipeline_config.parse(flags)
    preflight.prepare_output(parsed)
    inputs = preflight.check(parsed, class_folders)
    ir = compiler.Compiler().compile(dag.build(parsed, inputs))
    return {node.pipeline_node.node_info.id: node.pipeline_node for node in ir.nodes}


def parameters(node):
    return {name: str(value) for name, value in node.parameters.parameters.items()}


def test_nodes_and_edges(class_folders, tmp_path):
    nodes = compiled(class_folders, tmp_path)
    assert {name: set(node.upstream_nodes) for name, node in nodes.items()} == GOLDEN


def test_without_a_model_server_the_trial_is_left_out(class_folders, tmp_path):
    nodes = compiled(class_folders, tmp_path, "--infra.enabled=false")
    edges = {name: set(node.upstream_nodes) for name, node in nodes.items()}
    assert "InfraValidator" not in edges
    assert edges["Pusher"] == {"Trainer", "ReleaseGate"}


@pytest.mark.skipif("InfraValidator" not in GOLDEN, reason="the extra [serve] is absent")
@pytest.mark.parametrize("asks", [True, False])
def test_the_gates_server_is_tried_for_the_trial_where_it_starts_one(class_folders, tmp_path, asks):
    flags = [] if asks else ["--gate.ask-server=false"]
    nodes = compiled(class_folders, tmp_path, "--infra.requests=7", *flags)
    assert ("decision" in nodes["InfraValidator"].inputs.inputs) is asks
    settings = parameters(nodes["ReleaseGate"])["settings"]
    assert ('\\"requests\\":7' in settings) is asks


def test_a_search_for_settings_goes_before_training(class_folders, tmp_path):
    nodes = compiled(class_folders, tmp_path, "--tune.trials=3")
    searching = {"Tuner": {"Preprocess", "start"}, "Trainer": {"Preprocess", "start", "Tuner"}}
    edges = {name: set(node.upstream_nodes) for name, node in nodes.items()}
    assert edges == {**GOLDEN, **searching}
    taken = nodes["Trainer"].inputs.inputs["hyperparameters"].channels[0]
    assert (taken.producer_node_query.id, taken.output_key) == ("Tuner", "best_hyperparameters")


@pytest.mark.parametrize(
    ("argument", "changed"),
    [
        ("--tune.method=random", {"Tuner"}),
        ("--tune.dropout=0.1,0.2", {"Tuner"}),
        ("--train.dropout=0.4", {"Tuner", "Trainer"}),
        ("--augment.rotation-degrees=3", {"Tuner", "Trainer"}),
        ("--seed=7", {"Tuner", "Trainer"}),
    ],
)
def test_the_settings_of_a_search_are_in_its_cache_key(class_folders, tmp_path, argument, changed):
    before = compiled(class_folders, tmp_path, "--tune.trials=3")
    after = compiled(class_folders, tmp_path, "--tune.trials=3", argument)
    found = {name for name in before if parameters(before[name]) != parameters(after[name])}
    # The report shows the configuration.
    assert found == changed | {"Report"}


def test_caching_is_on(class_folders, tmp_path):
    for node in compiled(class_folders, tmp_path).values():
        assert node.execution_options.caching_options.enable_cache


@pytest.mark.parametrize(
    ("argument", "changed"),
    [
        ("--ingest.shard-bytes=5000", {"ImageFolderExampleGen"}),
        ("--checks.quarantined=block", {"ImageValidator"}),
        ("--preprocess.size-px=96", {"Preprocess"}),
        ("--train.dropout=0.4", {"Trainer"}),
        ("--augment.rotation-degrees=3", {"Trainer"}),
        ("--seed=7", {"Trainer"}),
        ("--evaluate.top-k=1", {"Evaluator", "ReleaseGate"}),  # its limits are on those metrics
        ("--evaluate.confidence=0.9", {"Evaluator"}),
        ("--gate.min-recall=0.5", {"ReleaseGate"}),
        ("--infra.tries=3", {"InfraValidator"} & GOLDEN.keys()),
        ("--report.listed=3", set()),
    ],
)
def test_a_setting_is_in_the_cache_key_of_its_step_alone(
    class_folders, tmp_path, argument, changed
):
    before = compiled(class_folders, tmp_path)
    after = compiled(class_folders, tmp_path, argument)
    found = {name for name in before if parameters(before[name]) != parameters(after[name])}
    # The report shows the configuration.
    assert found == changed | {"Report"}


def test_moving_an_image_is_in_the_cache_key(class_folders, tmp_path):
    before = compiled(class_folders, tmp_path)
    (class_folders / "cat" / "00.jpg").rename(class_folders / "dog" / "moved.jpg")
    after = compiled(class_folders, tmp_path)
    found = {name for name in before if parameters(before[name]) != parameters(after[name])}
    assert found == {"ImageFolderExampleGen", "Report"}


def test_code_is_in_the_cache_key(monkeypatch, tmp_path):
    (tmp_path / "step").mkdir()
    (tmp_path / "step" / "room.py").write_text("x = 1\n")
    monkeypatch.setattr(code_fingerprint, "ROOT", tmp_path)
    before = code_fingerprint.fingerprint("step")
    assert code_fingerprint.fingerprint("step") == before
    (tmp_path / "step" / "room.py").write_text("x = 2\n")
    assert code_fingerprint.fingerprint("step") != before


@pytest.mark.parametrize("labels_per_image", dag.SCHEMAS)
def test_the_schema_file_is_what_its_name_says(labels_per_image):
    """ImportSchemaGen is cached by the file's name: a changed schema needs a new name."""
    from data.files import hashing

    known = {
        "schema_v2.pbtxt": "01818bbff1fd7fbc9ba2404491cd29357294734f887ce99e14e826460ef4bac6",
        "schema_any_labels_v1.pbtxt": "d97e9c393276a0bde50d4e7a2c4fa1b3c91278e777708bcb6ed0258ef59fd085",
    }
    path = dag.SCHEMAS[labels_per_image]
    assert hashing.sha256(path.read_bytes()) == known[path.name], (
        "the schema changed: rename it to the next version and note its sha256 here"
    )
