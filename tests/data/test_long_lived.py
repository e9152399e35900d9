"""What is loaded is left out of Python's collector of cycles."""

import gc

import pytest

from data import long_lived


@pytest.fixture
def collector():
    """The collector, as it was again afterwards."""
    was_enabled = gc.isenabled()
    yield gc
    (gc.enable if was_enabled else gc.disable)()


def test_the_collector_pauses_and_never_sees_what_was_loaded(collector):
    collector.enable()
    with long_lived.loading():
        assert not collector.isenabled()
        with long_lived.loading():
            loaded = [[]]
        assert not collector.isenabled()
    assert collector.isenabled()
    made = [[]]
    tracked = {id(one) for one in collector.get_objects()}
    assert id(loaded) not in tracked
    assert id(made) in tracked


@pytest.mark.parametrize("enabled", [True, False])
def test_the_collector_is_as_before_where_an_import_fails(collector, enabled):
    (collector.enable if enabled else collector.disable)()
    with pytest.raises(ImportError), long_lived.loading():
        raise ImportError
    assert collector.isenabled() == enabled
