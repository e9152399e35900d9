"""The real Triton server, started once for several files; the last test stops it."""

import base64
import contextlib
import http.client
import json
import os
import re
import select
import shutil
import signal
import socket
import stat
import struct
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections import Counter
from pathlib import Path

import grpc
import numpy as np
import pytest
import tensorflow as tf

from serving import __main__ as command
from serving import errors, served_version, working_folder
from serving.client import client, protocol
from tests import processes
from tests.models import LABELS
from tests.serving import served
from tests.serving.served import encoded

pytestmark = [
    served.needs_triton,
    pytest.mark.xdist_group(served.OPEN),
    pytest.mark.usefixtures("graphs_as_they_are"),
]

EXPLAIN = {"signature": "explain"}


@pytest.fixture
def server(open_server) -> served.Server:
    return open_server


@pytest.fixture
def asked(server):
    with client.Client(server.url, timeout_s=60) as asked:
        yield asked


@pytest.fixture(scope="module")
def by_version(exported):
    """Returns the versions' outputs in this process: pushed version → outputs."""
    images = tf.constant([encoded(seed=seed) for seed in range(4)])
    return {
        version: {
            name: value.numpy()
            for name, value in tf.saved_model.load(str(path))
            .signatures["serving_default"](image_bytes=images)
            .items()
        }
        for version, path in (("1", exported[2]), ("2", exported[1]))
    }


def push(source, folder, number):
    """Pushes a version as Pusher does: complete, by one rename."""
    shutil.copytree(source, folder.parent / "unfinished")
    (folder.parent / "unfinished").rename(folder / str(number))


def wait_for(server, sentence, count=1):
    server.wait(lambda: server.output().count(sentence) >= count)


def patient(server):
    """Returns the server's prediction for an image, as soon as it answers."""
    patience = client.Retries(attempts=200, first_wait_s=1, max_wait_s=1)
    with client.Client(server.url, retries=patience) as asked:
        return asked.predict([encoded()])


def test_it_answers_as_the_exported_model(asked, by_version):
    found = asked.predict([encoded(seed=seed) for seed in range(4)])
    probabilities = np.array([prediction.probabilities for prediction in found])
    np.testing.assert_allclose(probabilities, by_version["1"]["probabilities"], atol=1e-6)
    assert [p.label.encode() for p in found] == by_version["1"]["label"].tolist()
    assert {p.version for p in found} == {"1"}


def test_a_bad_image_spoils_no_other(asked, by_version):
    good = encoded(seed=0)
    bad = [b"", b"junk", good[:200], encoded(3200, 3200)]
    found = asked.predict([*bad, good])
    assert [p.valid for p in found] == [False] * 4 + [True]
    assert [p.label for p in found[:4]] == [""] * 4
    np.testing.assert_allclose(
        found[4].probabilities, by_version["1"]["probabilities"][0], atol=1e-6
    )


def test_more_images_than_a_batch(asked):
    found = asked.predict([encoded(8, 8, seed) for seed in range(70)])
    assert len(found) == 70
    assert all(p.valid for p in found)


def test_other_signatures_and_the_contract(asked, exported):
    embedding = asked.infer([encoded(), b""], "embed")["embedding"]
    expected = tf.saved_model.load(str(exported[2])).signatures["embed"](
        image_bytes=tf.constant([encoded()])
    )
    np.testing.assert_allclose(embedding[:1], expected["embedding"], atol=1e-5)
    assert asked.contract()["labels"] == LABELS
    with pytest.raises(errors.RefusedError, match="no signature 'nonsense'; there are embed"):
        asked.infer([encoded()], "nonsense")


def test_too_many_bytes_are_refused(asked):
    with pytest.raises(errors.RefusedError, match=f"allowed are {served.OPEN_BYTES}"):
        asked.predict([b"x" * (served.OPEN_BYTES + 1)])


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_the_printed_curl_line_works(server, tmp_path):
    (tmp_path / "photo.jpg").write_bytes(encoded())
    line = next(line for line in server.output().splitlines() if line.startswith("printf"))
    done = subprocess.run(["/bin/sh", "-c", line], cwd=tmp_path, capture_output=True, check=True)
    outputs = {output["name"]: output["data"] for output in json.loads(done.stdout)["outputs"]}
    assert outputs["valid"] == [True]
    assert outputs["label"][0] in LABELS


def test_grpc(server):
    # Without tritonclient: its generated code requires a newer grpcio than TFX allows.
    with grpc.insecure_channel(server.address["grpc"]) as channel:
        ready = channel.unary_unary("/inference.GRPCInferenceService/ModelReady")
        assert ready(b"\x0a\x06shapes") == b"\x08\x01"


def test_metrics_and_loopback(server):
    with urllib.request.urlopen(server.address["metrics"]) as response:  # noqa: S310
        told = response.read().decode()
    assert 'nv_inference_request_success{model="shapes",version="1"}' in told
    # What runs the network: which of both is quicker depends on the machine.
    assert 'image_serving_network_runtime{model="shapes",runtime="' in told
    assert "The network of version 1 runs in " in server.output()
    assert all("127.0.0.1:" in server.address[name] for name in ("http", "grpc", "metrics"))


def test_what_requests_hold_is_this_user_s_alone(server, asked):
    assert asked.predict([encoded()])[0].valid
    folder = server.log_path().parent
    regions = list(working_folder.SHARED_MEMORY.glob(f"{folder.name}-*"))
    assert [stat.S_IMODE(path.stat().st_mode) for path in regions] == [0o600]
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    for path in folder.iterdir():
        assert not stat.S_IMODE(path.stat().st_mode) & 0o077 or not path.is_socket()
    assert "Warning" not in server.output()


ADMINISTRATION = [
    "SystemSharedMemoryStatus",
    "SystemSharedMemoryRegister",
    "SystemSharedMemoryUnregister",
    "CudaSharedMemoryStatus",
    "CudaSharedMemoryRegister",
    "CudaSharedMemoryUnregister",
    "RepositoryIndex",
    "RepositoryModelLoad",
    "RepositoryModelUnload",
    "TraceSetting",
    "LogSettings",
]


@pytest.mark.parametrize("method", ADMINISTRATION)
def test_administration_by_grpc_is_closed(server, method):
    closed = [("triton-grpc-protocol-closed", "closed")]
    with grpc.insecure_channel(server.address["grpc"]) as channel:
        call = channel.unary_unary(f"/inference.GRPCInferenceService/{method}")
        for metadata in (None, closed):
            with pytest.raises(grpc.RpcError) as raised:
                call(b"", metadata=metadata, timeout=60)
            assert raised.value.code() == grpc.StatusCode.UNAVAILABLE
            assert "restricted" in raised.value.details()


def test_the_header_that_opens_administration_cannot_be_sent(server):
    """Sends raw HTTP/2 with a capital, which no gRPC library does. Source: RFC 9113, 4 and 6."""

    def frame(kind: int, flags: int, stream: int, content: bytes) -> bytes:
        head = struct.pack(">I", len(content))[1:] + bytes([kind, flags])
        return head + struct.pack(">I", stream) + content

    def answer(*headers: tuple[bytes, bytes]) -> bytes:
        fields = (
            (b":method", b"POST"),
            (b":scheme", b"http"),
            (b":path", b"/inference.GRPCInferenceService/LogSettings"),
            (b":authority", b"localhost"),
            (b"content-type", b"application/grpc"),
            (b"te", b"trailers"),
            *headers,
        )
        block = b"".join(
            b"\0" + bytes([len(name)]) + name + bytes([len(value)]) + value
            for name, value in fields
        )
        host, _, port = server.address["grpc"].partition(":")
        said = b""
        with socket.create_connection((host, int(port)), timeout=30) as connection:
            connection.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(4, 0, 0, b""))
            connection.sendall(frame(1, 4, 1, block) + frame(0, 1, 1, b"\0" * 5))
            while b"grpc-status" not in said:
                part = connection.recv(65536)
                assert part
                said += part
        return said

    assert b"This protocol is restricted" in answer()
    refused = answer((b"triton-grpc-protocol-Closed", b"closed"))
    assert b"grpc-status\x010" not in refused
    assert b"log_" not in refused


def rest(server, path, content=None) -> tuple[int, dict]:
    """Sends a request to TensorFlow Serving's API; returns status and response."""
    body = None if content is None else json.dumps(content).encode()
    request = urllib.request.Request(f"{server.address['rest']}/v1/models/{path}", body)  # noqa: S310
    try:
        with urllib.request.urlopen(request) as response:  # noqa: S310
            return response.status, json.load(response)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)


def test_the_api_of_tensorflow_serving_predicts(server, by_version):
    values = [{"b64": base64.b64encode(encoded(seed=seed)).decode()} for seed in range(4)]
    values.append({"b64": ""})
    for path in ("shapes", "shapes/versions/1", "shapes/labels/stable"):
        status, answer = rest(server, f"{path}:predict", {"instances": values})
        assert status == 200
        rows = answer["predictions"]
        assert [row["valid"] for row in rows] == [True] * 4 + [False]
        found = [row["probabilities"] for row in rows[:4]]
        np.testing.assert_allclose(found, by_version["1"]["probabilities"], atol=1e-6)
    _, answer = rest(server, "shapes:predict", {"inputs": {"image_bytes": values * 8}})
    assert len(answer["outputs"]["label"]) == 40
    embed = {"signature_name": "embed", "instances": [{"image_bytes": values[0]}]}
    (row,) = rest(server, "shapes:predict", embed)[1]["predictions"]
    assert set(row) == {"embedding", "valid", "invalid_reason"}


def test_the_api_of_tensorflow_serving_tells_of_the_model(server):
    ok = {"error_code": "OK", "error_message": ""}
    status = {"version": "1", "state": "AVAILABLE", "status": ok}
    assert rest(server, "shapes") == (200, {"model_version_status": [status]})
    assert rest(server, "shapes/versions/1") == (200, {"model_version_status": [status]})
    _, answer = rest(server, "shapes/metadata")
    assert answer["model_spec"]["version"] == "1"
    assert "serving_default" in answer["metadata"]["signature_def"]["signature_def"]


@pytest.mark.parametrize(
    ("path", "content", "status", "sentence"),
    [
        ("other", None, 404, "Servable not found for request: Latest(other)"),
        ("other/versions/3:predict", {}, 404, "Servable not found for request: Specific(other, 3)"),
        ("shapes/versions/9", None, 404, "Could not find version 9 of model shapes"),
        ("shapes/versions/9:predict", {"instances": ["x"]}, 404, "version"),
        ("shapes/labels/canary", None, 400, "Unrecognized servable version label: canary"),
        ("shapes:regress", {}, 400, "Malformed request: POST /v1/models/shapes:regress"),
        ("shapes/nonsense", None, 404, "Malformed request: GET"),
        ("shapes:predict", {"instances": [3]}, 400, "An instance must be"),
        (
            "shapes:predict",
            {"instances": ["x"], "signature_name": "none"},
            400,
            "no signature 'none'",
        ),
        ("shapes:predict", {"instances": ["x" * 1_800_000]}, 413, "too large"),
        ("shapes:predict", {"instances": ["x" * 1_000_000]}, 400, "allowed are 800000"),
    ],
)
def test_the_api_of_tensorflow_serving_refuses(server, path, content, status, sentence):
    code, answer = rest(server, path, content)
    assert (code, set(answer)) == (status, {"error"})
    assert sentence in answer["error"]


class Load:
    """Steady requests; every answer is checked against the version that gave it."""

    def __init__(self, url, by_version):
        self.answers = Counter()
        self.faults = []
        self._stop = threading.Event()
        self._threads = [
            threading.Thread(target=self._run, args=(url, by_version)) for _ in range(2)
        ]

    def _run(self, url, by_version):
        with client.Client(url, timeout_s=60, retries=client.Retries(attempts=1)) as asked:
            self._ask(asked, by_version)

    def _ask(self, asked, by_version):
        while not self._stop.is_set():
            try:
                answers = asked.predict([encoded(seed=0), b"junk"])
                expected = by_version[answers[0].version]["probabilities"][0]
                np.testing.assert_allclose(answers[0].probabilities, expected, atol=1e-6)
                assert not answers[1].valid
                self.answers[answers[0].version] += 1
            except Exception as error:
                self.faults.append(repr(error))
            time.sleep(0.05)

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        for thread in self._threads:
            thread.join()


def test_versions_come_and_go_under_load_without_a_lost_request(server, exported, by_version):
    folder = server.folder
    with Load(server.url, by_version) as load:
        push(exported[1], folder, 2)
        wait_for(server, "Version 2 is served.")
        # A version's first request may take longer than later ones.
        served.wait_until(lambda: load.answers["2"] or load.faults)
        shutil.rmtree(folder / "2")
        wait_for(server, "Version 1 is served.", 2)
        (folder / served_version.WITHDRAWN).mkdir()
        push(exported[1], folder, f"{served_version.WITHDRAWN}/2")
        promote = ["promote", "2", "--model-dir", str(folder), "--url", server.url]
        assert command.main(promote) == 0
        time.sleep(1)  # earlier requests are answered by then
        before = load.answers["1"]
        time.sleep(0.5)
    assert not load.faults
    assert before == load.answers["1"]


def test_a_damaged_version_is_reported_and_the_old_one_goes_on(server, exported, asked):
    [before] = {one.version for one in asked.predict([encoded()])}
    damaged = server.folder.parent / "damaged"
    shutil.copytree(exported[2], damaged)
    os.truncate(damaged / "variables" / "variables.data-00000-of-00001", 99)
    damaged.rename(server.folder / "7")
    wait_for(server, "Version 7 does not load: ")
    assert {p.version for p in asked.predict([encoded()])} == {before}
    shutil.rmtree(server.folder / "7")


def replaced(server) -> int:
    """Returns how often a worker was replaced so far."""
    return len(re.findall(r"A worker of version \d+ died; it is replaced\.", server.output()))


@pytest.mark.landing
def test_a_dead_worker_is_replaced(server):
    before = replaced(server)
    [worker] = server.workers()
    os.kill(worker, signal.SIGKILL)
    server.wait(lambda: replaced(server) > before)
    assert patient(server)[0].valid


@pytest.mark.landing
def test_a_frozen_worker_is_replaced_and_cannot_end_the_server(server):
    before = replaced(server)
    [worker] = server.workers()
    os.kill(worker, signal.SIGSTOP)
    # Triton gives it up after a second; its late answer would crash Triton.
    asking = [threading.Thread(target=patient, args=(server,)) for _ in range(2)]
    for thread in asking:
        thread.start()
    server.wait(lambda: replaced(server) > before)
    with contextlib.suppress(ProcessLookupError):
        os.kill(worker, signal.SIGCONT)
    for thread in asking:
        thread.join()
    assert patient(server)[0].valid
    assert server.process.poll() is None
    assert worker not in server.workers()


@pytest.mark.last
def test_it_stops_in_order(server):
    """Requests in flight are answered; exit code 0; no process and no file is left."""
    children = server.children()
    assert len(children) >= 2
    body, headers = protocol.request("image_bytes", [encoded(80, 80)] * 32, [], EXPLAIN)
    address = server.url.removeprefix("http://")
    waiting = [http.client.HTTPConnection(address, timeout=60) for _ in range(8)]
    for connection in waiting:
        connection.request("POST", "/v2/models/shapes/infer", body, headers)
    time.sleep(0.2)
    in_flight = len(waiting) - len(select.select([one.sock for one in waiting], [], [], 0)[0])
    server.process.send_signal(signal.SIGTERM)
    assert in_flight
    for connection in waiting:
        with connection.getresponse() as response:
            length = int(response.headers[protocol.HEADER_LENGTH])
            assert protocol.answer(response.read(), length).outputs["valid"].all()
        connection.close()
    assert server.process.wait(60) == 0
    assert server.output().endswith("Finishing the requests in flight …\n")
    served.wait_until(lambda: not any(processes.alive(child) for child in children))
    assert not (server.folder.parent / "address.json").exists()
    folder = server.log_path().parent
    assert not folder.exists()
    assert not list(working_folder.SHARED_MEMORY.glob(f"{folder.name}-*"))


@pytest.mark.landing
def test_a_model_that_does_not_load_ends_the_start(exported, tmp_path):
    folder = tmp_path / "broken"
    shutil.copytree(exported[1], folder / "1")
    os.truncate(folder / "1" / "variables" / "variables.data-00000-of-00001", 99)
    done = subprocess.run(
        [sys.executable, "-m", "serving", "serve", "--model-dir", str(folder), "--port", "0"],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert f"Failed: No version in {folder} loads: Version 1 does not load: " in done.stderr
    log = done.stderr.split()[-1]
    assert "failed to load" in Path(log).read_text()
    shutil.rmtree(Path(log).parent)
