import contextlib
from dataclasses import replace

import numpy as np
import pytest

from components.infra_validator import config, trial
from components.predict import exported_model
from components.release_gate.parity import probe, server_process, server_stage, server_trial
from data import errors
from data.examples import examples_artifact
from tests.components.infra_validator.models import not_a_number, slow
from tests.models import TINY_LABELS, TINY_SPEC, needs_server

ONCE = config.InfraConfig(requests=5, tries=1)
ABOUT = trial.About(len(TINY_LABELS), "classification", len(TINY_LABELS))
pytestmark = pytest.mark.xdist_group("one server")


def stage(rows, valid) -> probe.Stage:
    return probe.Stage(server_stage.STAGE, np.array(rows, np.float32), np.array(valid))


SOUND = server_trial.Answers(
    start_s=7.25,
    alone=stage([[0.5, 0.5, 0], [0, 1, 0]], [True, True]),
    mixed=stage([[0.5, 0.5, 0], [0, 0, 0], [0, 1, 0]], [True, False, True]),
    latencies_ms=[20.0, 10.0, 500.0],
)


@pytest.fixture
def encoded(of_each_class) -> list[bytes]:
    return list(of_each_class.values())


@pytest.mark.landing
@needs_server
def test_where_the_gate_asked_no_server_one_is_started(right, encoded, tmp_path):
    found = trial.run(right.saved_model, encoded, ABOUT, ONCE, str(tmp_path))
    assert found.ok, found.sentence
    assert found.tried_by == trial.OWN
    assert "Tried by" not in found.sentence
    assert found.sentence.startswith(f"The server loaded the model in {found.start_s:.1f} s and")
    assert "; 5 requests of one image took" in found.sentence


@pytest.mark.landing
@needs_server
def test_a_model_that_answers_no_numbers_is_refused(export_alone, encoded):
    found = trial.run(export_alone(not_a_number()), encoded, ABOUT, ONCE)
    assert (found.ok, found.sentence) == (
        False,
        "The server returns probabilities that are not finite numbers.",
    )


@pytest.mark.landing
@needs_server
def test_a_slow_model_is_refused(export_alone, encoded):
    limits = ONCE.model_copy(update={"max_latency_ms": 10, "requests": 3})
    found = trial.run(export_alone(slow()), encoded, ABOUT, limits)
    assert not found.ok
    assert found.p50_ms > 10
    assert found.sentence == (
        f"The server is too slow: 3 requests of one image took {found.p50_ms:.1f} ms in"
        " the median (at most 10 ms is allowed)."
    )


@pytest.mark.landing
@needs_server
def test_what_is_no_model_is_refused_with_the_servers_word(tmp_path, encoded):
    (tmp_path / "saved_model.pb").write_bytes(b"junk")
    found = trial.run(tmp_path, encoded, ABOUT, ONCE)
    assert not found.ok
    assert found.sentence.startswith("The server did not accept the model. The server ended with ")
    assert "no version" in found.sentence
    assert "\n" not in found.sentence


@pytest.fixture
def no_server(monkeypatch) -> None:
    """Fails every test that starts a server."""

    def running(*_):
        raise AssertionError("A server was started.")

    monkeypatch.setattr(server_process, "running", running)


@needs_server
@pytest.mark.usefixtures("no_server")
def test_the_answers_of_the_gates_server_are_taken_over(right, encoded, asked, tmp_path):
    asked.record.write(str(tmp_path))
    limits = config.InfraConfig()
    found = trial.run(right.saved_model, encoded, ABOUT, limits, str(tmp_path))
    assert found.ok, found.sentence
    assert found.sentence.endswith(" Tried by ReleaseGate's server.")
    assert found.tried_by == trial.GATE
    answers = asked.record.answers
    assert found.start_s == answers.start_s > 0.5
    assert len(answers.latencies_ms) == limits.requests
    assert found.p50_ms == np.percentile(answers.latencies_ms, 50) > 0.1
    # The measurements are checked against this step's limits.
    tight = limits.model_copy(update={"max_latency_ms": found.p50_ms / 2})
    found = trial.run(right.saved_model, encoded, ABOUT, tight, str(tmp_path))
    assert not found.ok
    assert found.sentence.startswith("The server is too slow: 20 requests of one image")


@pytest.mark.parametrize(
    ("model", "asked_about", "limits", "why"),
    [
        (b"another", [b"x"], {}, "it had loaded another model"),
        (b"m", [b"y"], {}, "it got other requests"),
        (b"m", [b"x"], {"requests": 6}, "it got other requests"),
        (b"m", [b"x"], {"start_limit_s": 7.2}, "it took too long once"),
        (b"m", [b"x"], {"request_limit_s": 0.4}, "it took too long once"),
        (b"m", [b"x"], {"max_latency_ms": 1}, None),
    ],
)
def test_answers_to_something_else_are_not_taken_over(
    tmp_path, caplog, model, asked_about, limits, why
):
    caplog.set_level("INFO")
    (tmp_path / "saved_model.pb").write_bytes(b"m")
    asked = server_trial.digest([b"x"], ONCE.questions)
    server_trial.Record(exported_model.digest(tmp_path), asked, SOUND).write(str(tmp_path))
    (tmp_path / "saved_model.pb").write_bytes(model)
    given = ONCE.model_copy(update=limits)
    found = trial.taken_over(str(tmp_path), tmp_path, asked_about, given)
    assert (found is None) == (why is not None)
    if why:
        assert f"The answers of ReleaseGate's server are not reused: {why}" in caplog.text


def test_where_the_gate_asked_no_server_or_its_answers_are_damaged_there_are_none(tmp_path, caplog):
    caplog.set_level("INFO")
    assert trial.taken_over(str(tmp_path), tmp_path, [b"x"], ONCE) is None
    assert "not reused: it started none." in caplog.text
    (tmp_path / server_trial.FILE).write_text('{"model": "00", "latencies_ms": []}')
    assert trial.taken_over(str(tmp_path), tmp_path, [b"x"], ONCE) is None
    assert "cannot be used: it contains no request." in caplog.text


def test_answers_that_are_no_numbers_are_kept_as_they_are(tmp_path):
    broken = replace(SOUND, alone=stage([[0.5, np.nan, 0], [np.inf, 1, 0]], [True, True]))
    server_trial.Record("m", "a", broken).write(str(tmp_path))
    found = server_trial.Record.read(str(tmp_path))
    assert (found.model, found.asked, found.answers.start_s) == ("m", "a", 7.25)
    np.testing.assert_array_equal(found.answers.alone.values, broken.alone.values)
    np.testing.assert_array_equal(found.answers.mixed.valid, [True, False, True])
    assert "not finite numbers" in trial.judge(found.answers, ABOUT, ONCE, trial.GATE).sentence


def test_a_server_that_fails_the_questions_leaves_no_answers(right, examples, monkeypatch, caplog):
    def ask(*_):
        raise server_process.ServerError("The server's answer lacks valid.")

    monkeypatch.setattr(server_trial, "ask", ask)
    files = examples_artifact.shards(str(examples), "test")
    asker = server_trial.Asker(right.saved_model, files, TINY_SPEC, ONCE.questions)
    asker(server_process.Address("127.0.0.1:1", "m"))
    assert asker.record is None
    assert "InfraValidator will start a server of its own: The server's answer" in caplog.text


def test_a_sound_model_is_released_with_its_figures():
    found = trial.judge(SOUND, ABOUT, config.InfraConfig(max_latency_ms=20))
    assert found.ok
    assert (found.start_s, found.p50_ms, round(found.p99_ms)) == (7.25, 20, 490)
    assert found.sentence == (
        "The server loaded the model in 7.2 s and returns valid answers; 3 requests of one image took"
        " 20.0 ms in the median (at most 20 ms is allowed)."
    )
    assert not trial.judge(SOUND, ABOUT, config.InfraConfig(max_latency_ms=19.9)).ok


@pytest.mark.parametrize(
    ("alone", "mixed", "said"),
    [
        (
            stage([[0.5, 0.5], [0, 1]], [True] * 2),
            None,
            "shape [2, 2]; the model's contract requires",
        ),
        (stage([[0.5, 0.5, np.inf], [0, 1, 0]], [True] * 2), None, "not finite numbers"),
        (stage([[0, 0, 0], [0, 1, 0]], [False, True]), None, "cannot read an image (1 of 2 sent"),
        (stage([[0.5, 0.4, 0], [0, 1, 0]], [True] * 2), None, "one is 0.9"),
        (stage([[1.5, -0.5, 0], [0, 1, 0]], [True] * 2), None, "one is -0.5"),
        (
            None,
            stage([[0.5, 0.5, 0], [1, 0, 0], [0, 1, 0]], [True, True, True]),
            "reports as readable what is not an image (1 of 3 sent",
        ),
        (
            None,
            stage([[0.5, 0.5, 0], [1, 0, 0], [0, 1, 0]], [True, False, True]),
            "one is 1.",
        ),
    ],
)
def test_unsound_answers_are_refused_in_one_sentence(alone, mixed, said):
    answers = replace(SOUND, alone=alone or SOUND.alone, mixed=mixed or SOUND.mixed)
    found = trial.judge(answers, ABOUT, config.InfraConfig())
    assert not found.ok
    assert said in found.sentence
    assert found.sentence.startswith("The server")


def test_a_server_that_dies_is_started_again(tmp_path, monkeypatch):
    monkeypatch.setattr(server_process, "LIBRARIES", ())
    monkeypatch.setattr(server_trial, "ask", lambda *_: SOUND)
    starts = []

    @contextlib.contextmanager
    def running(*_):
        starts.append(1)
        if len(starts) == 1:
            raise server_process.ServerError("It died. Its last lines:\n  killed")
        yield None

    monkeypatch.setattr(server_process, "running", running)
    assert trial.run(tmp_path, [b"x"], ABOUT, config.InfraConfig()).ok
    starts.clear()
    found = trial.run(tmp_path, [b"x"], ABOUT, ONCE)
    assert (found.sentence, found.details) == (
        "The server did not accept the model. It died. Its last output: killed",
        "\n  killed",
    )


def test_without_the_libraries_nothing_is_blessed_and_the_reason_told(tmp_path, monkeypatch):
    monkeypatch.setattr(server_process, "LIBRARIES", ("no_such_library",))
    why = "no_such_library not installed (extra [serve])."
    assert trial.left_out(ONCE) == f"No model is tried on a server before the push: {why}"
    found = trial.run(tmp_path, [b"x"], ABOUT, ONCE)
    assert (found.ok, found.sentence) == (False, f"The model was not tried on a server: {why}")
    monkeypatch.setattr(server_process, "LIBRARIES", ())
    assert trial.left_out(ONCE) is None
    assert trial.left_out(config.InfraConfig(enabled=False)).endswith("infra.enabled is false.")
    assert not trial.run(tmp_path, [], ABOUT, ONCE).ok


def test_a_contract_without_labels_is_an_error(tmp_path):
    (tmp_path / "assets").mkdir()
    (tmp_path / "assets" / "contract.json").write_text("{}")
    with pytest.raises(errors.PipelineError, match="a list of class names is needed"):
        trial.About.read(tmp_path)


def test_it_is_read_as_it_was_written(tmp_path):
    found = trial.Trial(False, "Why.", "\n  a line", 1.5)
    found.write(str(tmp_path))
    assert trial.Trial.read(str(tmp_path)) == found
