"""Parts of a run: what a command may ask for."""

import pytest

from data import errors
from pipeline import config, parts

STEPS = ("ImageFolderExampleGen", "Preprocess", "Trainer", "Pusher")


def test_the_flags_are_taken_out_of_the_command_line():
    asked, rest = parts.split(
        ["--seed", "3", "--from", "Trainer", "--force=Pusher", "--force", "Trainer", "--dry-run"]
    )
    assert asked == parts.Parts("Trainer", None, ("Pusher", "Trainer"), True)
    assert rest == ["--seed", "3"]
    assert config.parse(rest).seed == 3
    assert parts.split([])[0] == parts.WHOLE
    assert parts.WHOLE.whole
    assert not asked.whole
    assert not asked.begins_with("ImageFolderExampleGen")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--from", "trainer"], "--from trainer: there is no step trainer; did you mean Trainer."),
        (["--force", "Evalator"], "did you mean Evaluator"),
        (["--to", "xyz"], "the steps are ImageFolderExampleGen, "),
        (["--from"], "--from needs the name of a step."),
    ],
)
def test_unknown_steps(arguments, message):
    with pytest.raises(errors.ConfigError) as told:
        parts.split(arguments)
    assert message in str(told.value)


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        (parts.Parts(first="Tuner"), "Tuner is not a step of this run as configured"),
        (parts.Parts("Trainer", "Preprocess"), "Preprocess comes before Trainer"),
    ],
)
def test_what_a_run_does_not_have(asked, message):
    parts.Parts("Preprocess", "Trainer", ("Trainer",)).check(STEPS)
    with pytest.raises(errors.ConfigError) as told:
        asked.check(STEPS)
    assert message in str(told.value)
