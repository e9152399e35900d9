"""Parts of a run: what a command may ask for."""

import pytest

from data import errors
from pipeline.settings import pipeline_config, step_selection

STEPS = ("ImageFolderExampleGen", "Preprocess", "Trainer", "Pusher")


def test_the_flags_are_taken_out_of_the_command_line():
    asked, rest = step_selection.split(
        ["--seed", "3", "--from", "Trainer", "--force=Pusher", "--force", "Trainer", "--dry-run"]
    )
    assert asked == step_selection.Parts("Trainer", None, ("Pusher", "Trainer"), True)
    assert rest == ["--seed", "3"]
    assert pipeline_config.parse(rest).seed == 3
    assert step_selection.split([])[0] == step_selection.WHOLE
    assert step_selection.WHOLE.whole
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
    with pytest.raises(errors.ConfigError) as caught:
        step_selection.split(arguments)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        (step_selection.Parts(first="Tuner"), "Tuner is not a step of this run as configured"),
        (step_selection.Parts("Trainer", "Preprocess"), "Preprocess comes before Trainer"),
    ],
)
def test_what_a_run_does_not_have(asked, message):
    step_selection.Parts("Preprocess", "Trainer", ("Trainer",)).check(STEPS)
    with pytest.raises(errors.ConfigError) as caught:
        asked.check(STEPS)
    assert message in str(caught.value)
