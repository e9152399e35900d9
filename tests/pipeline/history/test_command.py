import json
import shutil
from pathlib import Path

import pytest
from ml_metadata.proto import metadata_store_pb2 as pb

from data import errors
from pipeline import output_folder
from pipeline.history import cleaning, command, lineage, mlmd
from pipeline.outcome import summary
from pipeline.run import lock
from tasks.classification.panels import outcome as classified
from tests import saved_models
from tests.pipeline import metadata

FIRST, SECOND, THIRD = "20260101-000000-000", "20260102-000000-000", "20260103-000000-000"


def full_run(
    recorder: metadata.Recorder, run_id: str, version: str, fingerprint: str
) -> dict[str, int]:
    """A run that ingests, trains and pushes."""
    place = recorder.output / "serving" / metadata.MODEL / version
    saved_models.write(place)
    made = {
        "examples": recorder.artifact("Examples"),
        "model": recorder.artifact("Model"),
        "evaluation": recorder.artifact("ModelEvaluation"),
        "pushed": recorder.artifact(
            "PushedModel", pushed=1, pushed_version=version, pushed_destination=str(place)
        ),
    }
    job = json.dumps({"fingerprint": fingerprint, "code": "a1"})
    recorder.step(
        run_id, lineage.INGEST, [], [made["examples"]], custom_config={"custom_config": job}
    )
    recorder.step(run_id, "Trainer", [made["examples"]], [made["model"]], code=["unused"])
    recorder.step(run_id, "Evaluator", [made["model"]], [made["evaluation"]])
    recorder.step(run_id, "Pusher", [made["model"]], [made["pushed"]])
    leave(recorder.output, run_id, version)
    return made


def leave(output: Path, run_id: str, version: str, accuracy: float = 0.5) -> None:
    folder = output / "runs" / run_id
    folder.mkdir(parents=True)
    (folder / "config.yaml").write_text(f"seed: {version}\ntrain:\n  dropout: 0.2\n")
    (output / "logs").mkdir(exist_ok=True)
    (output / "logs" / f"{run_id}.log").write_text("said\n")
    summary.Summary(
        run_id=run_id,
        status="succeeded",
        data_dir="/photos/pets",
        examples={"train": 8, "eval": 1, "test": 1},
        quarantined=0,
        quarantine_csv=None,
        findings=[],
        findings_page=None,
        metrics=classified.Metrics(accuracy=accuracy, log_loss=1.0, macro_f1=None, per_class={}),
        verdict="release",
        blessed=True,
        reasons=["Good enough."],
        pushed=summary.Pushed(version=version, path="/somewhere"),
        model_dir=None,
        report=None,
        model_card=None,
        steps=[],
        seconds=12.0,
    ).write(folder / "summary.json")


@pytest.fixture
def recorder(tmp_path):
    return metadata.Recorder(tmp_path)


def printed(capsys, output: Path, *arguments: str) -> str:
    code = command.main([*arguments, "--output-dir", str(output)])
    captured = capsys.readouterr()
    assert code == 0, captured.err
    return captured.out


def test_runs_are_listed_with_what_came_of_them(recorder, capsys):
    full_run(recorder, FIRST, "11", "f1")
    recorder.step(SECOND, "Trainer", state=pb.Execution.RUNNING)
    out = printed(capsys, recorder.output, "runs")
    first, second = (line for line in out.splitlines() if line.startswith("2026"))
    assert "4 ran" in first and "release" in first and "50.0%" in first and " 11 " in first
    assert "1 running" in second and "unfinished" in second
    assert printed(capsys, recorder.output) == out


def test_lineage_goes_from_a_version_to_the_data_through_cached_steps(recorder, capsys):
    made = full_run(recorder, FIRST, "11", "f1")
    model = recorder.artifact("Model")
    place = recorder.output / "serving" / metadata.MODEL / "12"
    saved_models.write(place)
    saved_models.damage(place.parent / "13")  # another program's: no server serves it
    pushed = recorder.artifact(
        "PushedModel", pushed=1, pushed_version="12", pushed_destination=str(place)
    )
    recorder.step(SECOND, lineage.INGEST, [], [made["examples"]], state=pb.Execution.CACHED)
    recorder.step(SECOND, "Trainer", [made["examples"]], [model])
    recorder.step(SECOND, "Pusher", [model], [pushed])
    found = lineage.origin(mlmd.read(recorder.output), "12")
    assert [(step.name, step.run_id) for step in found.steps] == [
        (lineage.INGEST, FIRST),
        ("Trainer", SECOND),
        ("Pusher", SECOND),
    ]
    assert (found.fingerprint, found.state, found.run_id) == ("f1", lineage.State.SERVED, SECOND)
    assert lineage.origin(mlmd.read(recorder.output), "11").state is lineage.State.KEPT
    document = json.loads(printed(capsys, recorder.output, "lineage", "12", "--json"))
    assert document["state"] == "in serving"
    assert document["steps"][0]["settings"]["custom_config"]["custom_config"]["code"] == "a1"
    shown = printed(capsys, recorder.output, "lineage", "11")
    assert "fingerprint f1" in shown and f"11 of {metadata.MODEL}, kept" in shown


def test_compare_tells_data_settings_code_and_results_apart(recorder, capsys):
    full_run(recorder, FIRST, "11", "f1")
    full_run(recorder, SECOND, "12", "f2")
    rows = lineage.compare(mlmd.read(recorder.output), recorder.output, FIRST, SECOND)
    assert {(row.what, row.first, row.second) for row in rows} == {
        ("data: fingerprint", "f1", "f2"),
        ("setting: seed", "11", "12"),
        ("pushed", "11", "12"),
    }
    assert "do not differ" in printed(capsys, recorder.output, "compare", "11", FIRST)


def test_clean_keeps_what_versions_on_disk_and_new_runs_need(recorder, capsys):
    kept = full_run(recorder, FIRST, "11", "f1")
    gone = full_run(recorder, SECOND, "12", "f2")
    newest = full_run(recorder, THIRD, "13", "f3")
    serving = recorder.output / "serving" / metadata.MODEL
    (serving / ".withdrawn").mkdir()
    (serving / "11").rename(serving / ".withdrawn" / "11")
    shutil.rmtree(serving / "12")
    clean = ("clean", "--keep", "1")
    assert "Would delete 4 artifacts" in printed(capsys, recorder.output, *clean, "--dry-run")
    assert there(recorder) == {*kept.values(), *gone.values(), *newest.values()}
    assert "Deleted 4 artifacts and 2 logs" in printed(capsys, recorder.output, *clean)
    assert there(recorder) == {*kept.values(), *newest.values()}
    artifacts = mlmd.read(recorder.output).artifacts
    assert {number for number, one in artifacts.items() if not one.live} == {*gone.values()}
    assert "Nothing to delete" in printed(capsys, recorder.output, *clean)


def there(recorder: metadata.Recorder) -> set[int]:
    return {
        number
        for number, one in mlmd.read(recorder.output).artifacts.items()
        if Path(one.uri).exists()
    }


def test_clean_keeps_the_newest_whole_run_though_later_ones_broke_off(recorder):
    made = full_run(recorder, FIRST, "11", "f1")
    shutil.rmtree(recorder.output / "serving" / metadata.MODEL / "11")
    for run_id in (SECOND, THIRD):
        recorder.step(run_id, "Trainer", state=pb.Execution.FAILED)
    cleaning.carry_out(recorder.output, cleaning.plan(recorder.output, 2))
    assert there(recorder) == set(made.values())


def test_a_cleaning_that_was_killed_is_finished_by_the_next(recorder):
    full_run(recorder, FIRST, "11", "f1")
    newest = full_run(recorder, SECOND, "12", "f2")
    shutil.rmtree(recorder.output / "serving" / metadata.MODEL / "11")
    planned = cleaning.plan(recorder.output, 1)
    cleaning.carry_out(recorder.output, cleaning.Plan(planned.runs, planned.artifacts, [], 0))
    Path(planned.artifacts[0].uri).mkdir()  # as if it had been marked, and not yet deleted
    again = cleaning.plan(recorder.output, 1)
    assert [one.number for one in again.artifacts] == [planned.artifacts[0].number]
    cleaning.carry_out(recorder.output, again)
    assert there(recorder) == set(newest.values())


def test_nothing_is_cleaned_while_a_run_is_under_way(recorder, capsys):
    for run_id, version in ((FIRST, "11"), (SECOND, "12")):
        full_run(recorder, run_id, version, "f1")
    shutil.rmtree(recorder.output / "serving" / metadata.MODEL / "11")
    before = there(recorder)
    with lock.held(recorder.output, "another"):
        code = command.main(["clean", "--keep", "1", "--output-dir", str(recorder.output)])
    assert code == lock.OutputBusyError.exit_code
    assert "is in use, by run another" in capsys.readouterr().err
    assert there(recorder) == before


def test_what_lies_elsewhere_is_never_deleted(recorder, tmp_path_factory):
    full_run(recorder, FIRST, "11", "f1")
    full_run(recorder, SECOND, "12", "f2")
    shutil.rmtree(recorder.output / "serving" / metadata.MODEL / "11")
    outside = tmp_path_factory.mktemp("outside")
    [row] = recorder.store.get_artifacts_by_id([1])
    row.uri = str(outside)
    recorder.store.put_artifacts([row])
    planned = cleaning.plan(recorder.output, 1)
    assert [one.number for one in planned.artifacts] == [2, 3, 4]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["lineage", "99"], "No run pushed a version '99'; pushed were: 11."),
        (["compare", "11", "nothing"], "'nothing' is neither a run nor a pushed version"),
        (["clean", "--keep", "0"], "--keep is 0; at least 1 run is kept."),
        (["clean", "--keep", "many"], "invalid int value: 'many'"),
        (["forget"], "invalid choice: 'forget'"),
    ],
)
def test_mistakes_are_told_in_a_sentence(recorder, capsys, arguments, expected):
    full_run(recorder, FIRST, "11", "f1")
    assert command.main(["--output-dir", str(recorder.output), *arguments]) == 2
    assert expected in capsys.readouterr().err


def test_a_folder_without_runs_is_told(tmp_path, capsys):
    assert command.main(["--output-dir", str(tmp_path)]) == 2
    assert f"There is no {tmp_path / 'metadata.sqlite'}" in capsys.readouterr().err


def test_a_file_that_is_no_store_is_told(tmp_path):
    output_folder.OutputFolder(tmp_path).metadata.write_text(
        "no database at all, but some text\n" * 10
    )
    with pytest.raises(errors.UserError, match="is not a store of ML Metadata"):
        mlmd.read(tmp_path)
