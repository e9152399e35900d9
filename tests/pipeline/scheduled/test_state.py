import datetime

import pytest

from data import errors
from pipeline.scheduled import by_clock, config, facts, state

UTC = datetime.timezone.utc
NOW = datetime.datetime(2031, 5, 4, 12, tzinfo=UTC)
LATER = NOW.replace(year=2041)


@pytest.fixture
def store(tmp_path) -> state.Store:
    return state.Store.of(tmp_path, "photos")


def full() -> state.State:
    return state.State(
        last_tick=NOW,
        class_counts={"cat": 3, "name\udcff": 1},
        releases={"7": NOW},
        mean_scores={"7": 0.9},
        predictions={"7": "/out/artifacts/photos/Predict/predictions/7"},
        under_way=state.Attempt(key="k", fingerprint="f", reason="r\udcff", started=NOW),
        reported="f",
        unsent=[{"event": "release"}],
    )


def test_what_an_earlier_version_reported_is_not_reported_again(store):
    store.save(state.State())
    (store.folder / state.STATE_FILE).write_text('{"told": "f"}')
    assert store.load().reported == "f"


def test_round_trip_with_names_of_any_bytes(store):
    store.save(full())
    assert store.load() == full()
    store.note({"reason": "class \udcff"})
    assert store.history() == [{"reason": "class \udcff"}]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\0" * 300,
        b'{"last_tick": "2031',
        b"[]",
        b'{"last_tick": "2031-05-04T12:00:00"}',  # in which zone?
        b'{"releases": {"seven": "2031-05-04T12:00:00Z"}}',
        b"[" * 100_000,
    ],
)
def test_a_damaged_state_is_refused_with_what_to_do(store, content):
    store.save(state.State())
    (store.folder / state.STATE_FILE).write_bytes(content)
    with pytest.raises(errors.DataError, match="Without the file the next tick trains"):
        store.load()


def test_damaged_lines_of_the_history_are_passed_over(store, caplog):
    store.note({"decision": "first"})
    with (store.folder / state.HISTORY_FILE).open("ab") as file:
        file.write(b"\0" * 100 + b'\n{"decision": "a\n[[1, 2]]\n\xff\n')
    store.note({"decision": "last"})
    assert store.history() == [{"decision": "first"}, {"decision": "last"}]
    assert "4 lines are damaged" in caplog.text


def test_times_in_the_future_are_corrected_and_told():
    found = state.State(
        last_tick=LATER,
        finished=LATER,
        releases={"6": NOW - datetime.timedelta(days=1), "7": LATER},
        under_way=state.Attempt(key="k", fingerprint="f", reason="r", started=LATER),
    )
    lines = state.correct(found, NOW)
    assert len(lines) == 4
    assert lines[0] == (
        "According to the state, the last check was at 2041-05-04 12:00, which is in the future: the"
        " clock was wrong then or is now. It counts as 2031-05-04 12:00."
    )
    assert (
        found.last_tick == found.finished == found.releases["7"] == found.under_way.started == NOW
    )
    assert found.releases["6"] == NOW - datetime.timedelta(days=1)
    assert state.correct(found, NOW) == []


def test_clocks_may_differ_a_little():
    soon = NOW + datetime.timedelta(minutes=4)
    found = state.State(last_tick=soon)
    assert state.correct(found, NOW) == []
    assert found.last_tick == soon


def test_after_a_wrong_clock_an_interval_goes_on_from_now():
    found = state.State(last_tick=LATER)
    command = config.parse(["--data-dir", "x", "--schedule.interval-s", "21600"])
    assert by_clock.trigger(command, found.last_tick).get_next_fire_time(None, NOW).year == 2041
    state.correct(found, NOW)
    due = by_clock.trigger(command, found.last_tick).get_next_fire_time(None, NOW)
    assert due == NOW + datetime.timedelta(hours=6)


@pytest.mark.parametrize("version", ["99999999999999999999", str(int(LATER.timestamp()))])
def test_a_version_numbered_beyond_now_is_as_young_as_can_be(version):
    assert facts._released(state.State(), version, NOW) == NOW
    assert facts._released(state.State(), "86400", NOW) == datetime.datetime(1970, 1, 2, tzinfo=UTC)
