"""The ports of a server: distinct, and reserved before a model is loaded."""

import contextlib
import socket
from types import SimpleNamespace

import pytest

from serving import errors
from serving.gateway import addresses
from serving.triton import process

LOCAL = addresses.LOOPBACK


def free() -> int:
    with socket.create_server((LOCAL, 0)) as probe:
        return probe.getsockname()[1]


def refused(**wanted) -> str:
    wanted = addresses.Wanted(**{"host": LOCAL, "http": 0, **wanted})
    with pytest.raises(errors.UserError) as raised, addresses.held(wanted):
        pass
    return str(raised.value)


def test_the_gateway_may_listen_elsewhere_than_what_knows_no_token():
    wanted = addresses.Wanted("127.0.0.2", 0, grpc_host=None, metrics_host=LOCAL)
    with addresses.held(wanted) as where:
        assert {one[:17] for one in (where.rest, where.http)} == {"http://127.0.0.2:"}
        assert where.metrics.startswith("http://127.0.0.1:")
        assert (where.grpc_host, where.grpc_port) == (None, 0)


def test_ports_follow_the_first():
    for first in (23450, 24450, 25450):  # somebody else may have one
        with contextlib.suppress(errors.UserError):
            with addresses.held(addresses.Wanted(LOCAL, first)) as where:
                assert where.http.endswith(f":{first}")
                assert where.rest.endswith(f":{first + 501}")
                assert (where.grpc_port, where.metrics_port) == (first + 1, first + 2)
            return
    pytest.fail("none of three ranges is free")


@pytest.mark.parametrize(
    ("wanted", "sentence"),
    [
        (
            {"http": 8100, "rest": 8101},
            "Port 8101 is requested for --grpc-port and --rest-port. The defaults are",
        ),
        ({"http": 8100, "grpc": 8100}, "Port 8100 is requested for --port and --grpc-port."),
        (
            {"http": 0, "metrics": 8100, "rest": 8100, "grpc_host": "127.0.0.2"},
            "Port 8100 is requested for --metrics-port and --rest-port.",
        ),
    ],
)
def test_a_port_is_wanted_once(wanted, sentence):
    assert refused(**wanted).startswith(sentence)


def test_without_grpc_s_port_another_may_have_it():
    port = free()
    wanted = addresses.Wanted(LOCAL, 0, grpc=port, rest=port, grpc_host=None)
    with addresses.held(wanted) as where:
        assert where.rest.endswith(f":{port}")


@pytest.mark.parametrize("flag", ["http", "rest", "grpc", "metrics"])
def test_a_port_in_use_is_refused(flag):
    with socket.create_server((LOCAL, 0)) as taken:
        said = refused(**{flag: taken.getsockname()[1]})
    name = "--port" if flag == "http" else f"--{flag}-port"
    assert "Address already in use" in said
    assert f"choose another with {name}," in said


def test_a_server_that_is_starting_holds_its_ports():
    port = free()
    with addresses.held(addresses.Wanted(LOCAL, port, grpc=0, metrics=0, rest=0)):
        assert "Address already in use" in refused(http=port)
        assert "Address already in use" in refused(rest=port)
        # Before it can answer, a client waits instead of getting a connection error.
        socket.create_connection((LOCAL, port), timeout=5).close()


def test_all_four_are_held_until_the_end():
    with contextlib.ExitStack() as stack:
        where = stack.enter_context(addresses.held(addresses.Wanted(LOCAL, 0)))
        for port in (where.grpc_port, where.metrics_port):
            with socket.socket() as other, pytest.raises(OSError, match="in use"):
                other.bind((LOCAL, port))
    with addresses.held(addresses.Wanted(LOCAL, 0, grpc=where.grpc_port)):
        pass


@pytest.mark.parametrize(
    ("host", "grpc", "metrics"), [(LOCAL, LOCAL, LOCAL), ("::1", "[::1]", "ipv6:::1")]
)
def test_triton_is_told_an_address_as_it_takes_it(tmp_path, host, grpc, metrics):
    wanted = addresses.Wanted(host, 0, grpc_host=host)
    # Only its paths are used.
    folders = SimpleNamespace(models=tmp_path / "models", backends=tmp_path / "backends")
    with contextlib.ExitStack() as stack:
        try:
            where = stack.enter_context(addresses.held(wanted))
        except errors.UserError:
            pytest.skip(f"this machine has no {host}")
        arguments = process.options(folders, where, tmp_path, "memory-")
        assert f"--grpc-address={grpc}" in arguments
        assert f"--metrics-address={metrics}" in arguments
        assert process.grpc_address(where, tmp_path) == f"{grpc}:{where.grpc_port}"
    assert "--model-repository=models" in arguments
