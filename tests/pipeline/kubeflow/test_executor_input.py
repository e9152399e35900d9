"""What Kubeflow tells a step, and what TFX is told."""

from pipeline.kubeflow import executor_input

EXAMPLES = {"instanceSchema": "title: tfx.Examples\ntype: object\n"}
SPEC = {
    "artifacts": {
        "examples": {"artifactType": EXAMPLES},
        "model": {"artifactType": {"instanceSchema": "title: tfx.Model\n"}},
    }
}


def kubeflow_input(**changes):
    artifact = {"name": "7", "uri": "minio://bucket/a/examples", **changes}
    return {
        "inputs": {"artifacts": {"examples": {"artifacts": [artifact]}}, "parameterValues": {}},
        "outputs": {
            "artifacts": {
                "report": {
                    "artifacts": [
                        {
                            "name": "report",
                            "uri": "s3://bucket/b/report",
                            "type": {"instanceSchema": "title: vision.Report\n"},
                        }
                    ]
                }
            },
            "outputFile": "/kfp_outputs/output_metadata.json",
        },
    }


def prepared_input(given):
    prepared = executor_input.prepare(given, SPEC)
    return prepared["inputs"]["artifacts"]["examples"]["artifacts"]


def test_addresses_become_the_launchers_folders():
    prepared = executor_input.prepare(kubeflow_input(), SPEC)
    assert prepared_input(kubeflow_input())[0]["uri"] == "/minio/bucket/a/examples"
    assert (
        prepared["outputs"]["artifacts"]["report"]["artifacts"][0]["uri"] == "/s3/bucket/b/report"
    )
    assert prepared_input(kubeflow_input(uri="gs://b/x"))[0]["uri"] == "/gcs/b/x"
    assert prepared_input(kubeflow_input(uri="/mnt/x"))[0]["uri"] == "/mnt/x"
    named = prepared_input(kubeflow_input(customPath="/here"))[0]
    assert (named["uri"], "customPath" in named) == ("/here", False)


def test_an_input_gets_its_type_from_the_step():
    for kind in (
        {},
        {"type": None},
        {"type": {}},
        {"type": {"instanceSchema": ""}},
        {"type": {"schemaTitle": "system.Dataset", "schemaVersion": "0.0.1"}},
        {"type": {"instanceSchema": "title: system.Artifact\n"}},
    ):
        assert prepared_input(kubeflow_input(**kind))[0]["type"] == EXAMPLES
    other = {"instanceSchema": "title: tfx.ExamplesDiff\n"}
    assert prepared_input(kubeflow_input(type=other))[0]["type"] == other


def test_a_model_that_there_is_none_of_is_no_input():
    assert prepared_input(kubeflow_input(metadata={"absent": 1.0})) == []
    assert len(prepared_input(kubeflow_input(metadata={"absent": 0.0}))) == 1


def test_an_output_that_the_launcher_added_is_not_told():
    given = kubeflow_input()
    given["outputs"]["artifacts"]["executor-logs"] = {
        "artifacts": [{"uri": "minio://b/logs", "type": {"schemaTitle": "system.Artifact"}}]
    }
    assert list(executor_input.prepare(given, SPEC)["outputs"]["artifacts"]) == ["report"]


def test_what_is_left_has_addresses_and_no_empty_properties():
    left = {
        "artifacts": {
            "report": {
                "artifacts": [
                    {"uri": "/s3/bucket/b/report", "metadata": {"span": None, "blessed": 1.0}}
                ]
            }
        },
        "parameterValues": {"span": 0},
    }
    finished = executor_input.finish(left, kubeflow_input())
    assert finished["parameterValues"] == {"span": 0}
    assert finished["artifacts"]["report"]["artifacts"] == [
        {"uri": "s3://bucket/b/report", "metadata": {"blessed": 1.0}}
    ]


def test_only_what_reads_files_needs_a_driver():
    given = kubeflow_input()
    assert not executor_input.needs_driver(given)
    given["inputs"]["parameterValues"] = {"input_base": "/mnt", "input_config": "{}"}
    assert executor_input.needs_driver(given)


def test_what_the_driver_knows_of_an_output_is_told_to_the_executor():
    prepared = executor_input.prepare(kubeflow_input(), SPEC)
    left = {"artifacts": {"report": {"artifacts": [{"uri": "x", "metadata": {"custom:span": 3}}]}}}
    driven = executor_input.driven(prepared, left)
    report = driven["outputs"]["artifacts"]["report"]["artifacts"][0]
    assert (report["uri"], report["metadata"]) == ("/s3/bucket/b/report", {"custom:span": 3})
    assert driven["inputs"] == prepared["inputs"]
    assert executor_input.driven(prepared, {}) == prepared
