from pathlib import Path

import pytest

from data import errors
from pipeline.scheduled import config

BASE = ["--data-dir", "photos"]


def refused(*arguments: str) -> str:
    with pytest.raises(errors.ConfigError) as caught:
        config.parse([*BASE, *arguments])
    return str(caught.value)


def test_flags_the_environment_and_a_file(tmp_path, monkeypatch):
    path = tmp_path / "retrain.yaml"
    path.write_text(
        """
data_dir: flowers
window: 4
flags: [--train.head-epochs, "3"]
schedule: {cron: 0 3 * * mon-fri, timezone: Europe/Berlin}
triggers: {new_images: 50, new_fraction: 0.2, label_drift: false}
notify: {command: [notify-send, retraining]}
"""
    )
    monkeypatch.setenv("IMAGE_RETRAIN_WINDOW", "5")
    flags = ["--config", str(path), "--triggers.new_images", "70", "--", "--seed", "7"]
    command = config.parse(flags)
    assert command.config.data_dir == Path("flowers")
    assert command.config.window == 5
    assert (command.config.triggers.new_images, command.config.triggers.new_fraction) == (70, 0.2)
    assert command.mode == ""
    pipeline = command.pipeline
    assert (pipeline.train.head_epochs, pipeline.seed) == (3, 7)
    assert (pipeline.ingest.spans.window, pipeline.ingest.spans.complete_only) == (5, True)


def test_the_users_own_flags_win():
    command = config.parse([*BASE, "--once", "--", "--ingest.spans.complete-only", "false"])
    assert not command.pipeline.ingest.spans.complete_only


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "is needed; given: none"),
        (["--watch", "--schedule.cron", "@daily"], "given: --watch and --schedule.cron"),
        (["--schedule.interval-s", "9", "--schedule.cron", "@daily"], "--schedule.cron and"),
        (["--schedule.cron", "0 3 * * 8"], "schedule.cron is '0 3 * * 8': '8' is no day of"),
        (["--schedule.crom", "@daily"], "Did you mean --schedule.cron"),
        (["--once", "--schedule.timezone", "Berlin"], "a name such as Europe/Berlin or UTC"),
        (["--once", "--triggers.new-images", "0"], "greater than or equal to 1"),
        (["--once", "--notify.events", '["push"]'], "notify.events.0 is 'push'"),
        (["--once", "--notify.webhook", "file:///etc/passwd"], "'http' or 'https'"),
        (["--once", "--notify.token-variable", "NOT_SET"], "variable NOT_SET is not set"),
        (["--once", "--", "--train.head-epoch", "3"], "Did you mean --train.head-epochs"),
    ],
)
def test_mistakes(arguments, message):
    assert message in refused(*arguments)


def test_a_file_with_a_schedule_can_be_looked_at_once(tmp_path):
    path = tmp_path / "retrain.yaml"
    path.write_text("data_dir: flowers\nschedule: {cron: '@daily'}\n")
    assert config.parse(["--config", str(path), "--once"]).mode == "--once"
    path.write_text("schedule: {crons: '@daily'}\n")
    message = refused("--config", str(path), "--once")
    assert "Unknown setting schedule.crons. Did you mean schedule.cron" in message


def test_the_folder_is_needed():
    with pytest.raises(errors.ConfigError, match="data_dir is missing; give --data-dir"):
        config.parse(["--once"])
