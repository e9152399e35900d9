import contextlib
from dataclasses import replace

import numpy as np
import pytest

from components.infra_validator import config, trial
from components.release_gate import probe, server_stage
from data import errors
from tests.components.infra_validator.conftest import IMAGES, needs_server, not_a_number, slow

ENCODED = list(IMAGES.values())
ONCE = config.InfraConfig(requests=5, tries=1)


def stage(rows, valid) -> probe.Stage:
    return probe.Stage(server_stage.STAGE, np.array(rows, np.float32), np.array(valid))


SOUND = trial.Answers(
    alone=stage([[0.5, 0.5, 0], [0, 1, 0]], [True, True]),
    mixed=stage([[0.5, 0.5, 0], [0, 0, 0], [0, 1, 0]], [True, False, True]),
    latencies_ms=[20.0, 10.0, 500.0],
)


@needs_server
def test_a_model_that_answers_no_numbers_is_refused(exported):
    found = trial.run(exported(not_a_number()), ENCODED, 3, ONCE)
    assert (found.ok, found.sentence) == (
        False,
        "The server answers probabilities that are no numbers.",
    )


@needs_server
def test_a_slow_model_is_refused(exported):
    found = trial.run(
        exported(slow()), ENCODED, 3, ONCE.model_copy(update={"max_latency_ms": 300, "requests": 3})
    )
    assert not found.ok
    assert found.p50_ms > 300
    assert found.sentence == (
        f"The server answers too slowly: 3 requests of one image took {found.p50_ms:.1f} ms in"
        " the median (at most 300 ms is allowed)."
    )


@needs_server
def test_what_is_no_model_is_refused_with_the_servers_word(tmp_path):
    (tmp_path / "saved_model.pb").write_bytes(b"junk")
    found = trial.run(tmp_path, ENCODED, 3, ONCE)
    assert not found.ok
    assert found.sentence.startswith("The server did not take the model. The server ended with ")
    assert "no version" in found.sentence
    assert "\n" not in found.sentence


def test_a_sound_model_is_released_with_its_figures():
    found = trial.judge(SOUND, 3, 7.25, config.InfraConfig(max_latency_ms=20))
    assert found.ok
    assert (found.start_s, found.p50_ms, round(found.p99_ms)) == (7.25, 20, 490)
    assert found.sentence == (
        "The server loaded the model in 7.2 s and answers soundly; 3 requests of one image took"
        " 20.0 ms in the median (at most 20 ms is allowed)."
    )
    assert not trial.judge(SOUND, 3, 7.25, config.InfraConfig(max_latency_ms=19.9)).ok


@pytest.mark.parametrize(
    ("alone", "mixed", "said"),
    [
        (stage([[0.5, 0.5], [0, 1]], [True] * 2), None, "shape [2, 2]; the model's contract says"),
        (stage([[0.5, 0.5, np.inf], [0, 1, 0]], [True] * 2), None, "no numbers"),
        (stage([[0, 0, 0], [0, 1, 0]], [False, True]), None, "cannot read an image (1 of 2 asked"),
        (stage([[0.5, 0.4, 0], [0, 1, 0]], [True] * 2), None, "one came to 0.9"),
        (stage([[1.5, -0.5, 0], [0, 1, 0]], [True] * 2), None, "one came to -0.5"),
        (
            None,
            stage([[0.5, 0.5, 0], [1, 0, 0], [0, 1, 0]], [True, True, True]),
            "claims to read what is not an image (1 of 3 asked",
        ),
        (
            None,
            stage([[0.5, 0.5, 0], [1, 0, 0], [0, 1, 0]], [True, False, True]),
            "one came to 1.",
        ),
    ],
)
def test_unsound_answers_are_refused_in_one_sentence(alone, mixed, said):
    answers = replace(SOUND, alone=alone or SOUND.alone, mixed=mixed or SOUND.mixed)
    found = trial.judge(answers, 3, 1.0, config.InfraConfig())
    assert not found.ok
    assert said in found.sentence
    assert found.sentence.startswith("The server")


def test_a_server_that_dies_is_started_again(tmp_path, monkeypatch):
    monkeypatch.setattr(server_stage, "LIBRARIES", ())
    monkeypatch.setattr(trial, "_ask", lambda *_: SOUND)
    starts = []

    @contextlib.contextmanager
    def running(*_):
        starts.append(1)
        if len(starts) == 1:
            raise server_stage.ServerError("It died. Its last lines:\n  killed")
        yield None

    monkeypatch.setattr(server_stage, "running", running)
    assert trial.run(tmp_path, ENCODED, 3, config.InfraConfig()).ok
    starts.clear()
    found = trial.run(tmp_path, ENCODED, 3, ONCE)
    assert (found.sentence, found.details) == (
        "The server did not take the model. It died. It said last: killed",
        "\n  killed",
    )


def test_without_the_libraries_nothing_is_blessed_and_the_reason_told(tmp_path, monkeypatch):
    monkeypatch.setattr(server_stage, "LIBRARIES", ("no_such_library",))
    why = "no_such_library not installed (extra [serve])."
    assert trial.left_out(ONCE) == f"No model is tried on a server before the push: {why}"
    found = trial.run(tmp_path, ENCODED, 3, ONCE)
    assert (found.ok, found.sentence) == (False, f"The model was not tried on a server: {why}")
    monkeypatch.setattr(server_stage, "LIBRARIES", ())
    assert trial.left_out(ONCE) is None
    assert trial.left_out(config.InfraConfig(enabled=False)).endswith("infra.enabled is false.")
    assert not trial.run(tmp_path, [], 3, ONCE).ok


def test_a_contract_without_labels_is_an_error(tmp_path):
    (tmp_path / "assets").mkdir()
    (tmp_path / "assets" / "contract.json").write_text("{}")
    with pytest.raises(errors.PipelineError, match="a list of class names is needed"):
        trial.labels(tmp_path)


def test_it_is_read_as_it_was_written(tmp_path):
    found = trial.Trial(False, "Why.", "\n  a line", 1.5)
    found.write(str(tmp_path))
    assert trial.Trial.read(str(tmp_path)) == found
