"""The client with a replaced transport; with the real server: test_server.py."""

import json
import socket
import struct
import threading

import numpy as np
import pytest

from serving import errors
from serving.client import client, predicted, protocol, transport

URL = "http://127.0.0.1:1"


def response(status: int, content=None, **headers) -> transport.Response:
    return transport.Response(status, headers, json.dumps(content or {}).encode())


def answer(count: int, version: str = "3") -> transport.Response:
    """Builds Triton's response for so many images."""
    tensors = {
        "valid": ("BOOL", [count, 1], np.ones(count, np.bool_).tobytes()),
        "score": ("FP32", [count, 1], np.full(count, 0.75, np.float32).tobytes()),
        "probabilities": ("FP32", [count, 2], np.tile([0.25, 0.75], count).astype("f4").tobytes()),
        "label": ("BYTES", [count, 1], (struct.pack("<I", 5) + "Möwe".encode()) * count),
    }
    head = {
        "model_version": version,
        "outputs": [
            {"name": n, "datatype": d, "shape": s, "parameters": {"binary_data_size": len(b)}}
            for n, (d, s, b) in tensors.items()
        ],
    }
    text = json.dumps(head).encode()
    body = text + b"".join(content for _, _, content in tensors.values())
    return transport.Response(200, {protocol.HEADER_LENGTH.lower(): str(len(text))}, body)


class Replies:
    """A transport that returns prepared responses and keeps the requests."""

    def __init__(self, *replies):
        self.replies = list(replies)
        self.requests = []

    def __call__(self, request):
        self.requests.append(request)
        reply = self.replies.pop(0)
        if isinstance(reply, Exception):
            raise reply
        return reply


def asking(*replies, **options):
    send, waits = Replies(*replies), []
    return client.Client(URL, "m", send=send, sleep=waits.append, **options), send, waits


def test_predictions():
    asked, send, _ = asking(answer(1))
    [prediction] = asked.predict([b"image"])
    assert (prediction.label, prediction.score, prediction.version) == ("Möwe", 0.75, "3")
    assert prediction.valid
    np.testing.assert_array_equal(prediction.probabilities, np.float32([0.25, 0.75]))
    [request] = send.requests
    assert request.url == f"{URL}/v2/models/m/infer"
    assert request.body.endswith(struct.pack("<I", 5) + b"image")


def test_a_version_and_headers_are_sent():
    asked, send, _ = asking(answer(1), version=7, headers={"Authorization": "Bearer x"})
    asked.predict([b""])
    assert send.requests[0].url == f"{URL}/v2/models/m/versions/7/infer"
    assert send.requests[0].headers["Authorization"] == "Bearer x"


def test_many_images_go_in_parts_that_the_server_takes():
    config = response(200, {"max_batch_size": 2})
    asked, _, _ = asking(config, answer(2), answer(2), answer(1))
    assert len(asked.predict([b"1", b"2", b"3", b"4", b"5"])) == 5


def test_many_bytes_go_in_parts():
    large = b"x" * (client.MAX_CHUNK_BYTES // 2 + 1)
    asked, _, _ = asking(response(200, {"max_batch_size": 32}), answer(1), answer(1))
    assert len(asked.predict([large, large])) == 2


def test_what_passes_is_tried_again_with_growing_waits():
    passing = [
        errors.UnreachableError("", URL),
        response(503, {"error": "Exceeds maximum queue size"}),
        response(500, {"error": "Stub process 'm_0_0' is not healthy."}),
    ]
    asked, _, waits = asking(*passing, answer(1))
    assert asked.predict([b""])[0].valid
    assert len(waits) == 3
    assert all(0 <= wait <= 0.1 * 2**index for index, wait in enumerate(waits))


def test_the_server_says_how_long_to_wait():
    asked, _, waits = asking(response(429, **{"retry-after": "2"}), answer(1))
    asked.predict([b""])
    assert waits == [2.0]
    asked, _, waits = asking(response(429, **{"retry-after": "²"}), answer(1))  # no number
    asked.predict([b""])
    assert 0 <= waits[0] <= 0.1


def test_the_last_failure_is_raised():
    asked, send, _ = asking(*[errors.NoAnswerError("late", URL)] * 2, retries=client.Retries(2))
    with pytest.raises(errors.NoAnswerError, match="late"):
        asked.predict([b""])
    assert len(send.requests) == 2


@pytest.mark.parametrize(
    ("reply", "kind", "sentence"),
    [
        (response(404, {"error": "no"}), errors.NotServedError, "answered 404: no"),
        (response(400, {"error": "unknown model: 'm'"}), errors.NotServedError, "unknown model"),
        (response(400, {"error": "unknown version"}), errors.NotServedError, "unknown version"),
        (
            response(400, {"error": "there is no signature 'unknown model'"}),
            errors.RefusedError,
            "no signature",
        ),
        (response(400, {"error": "bad"}), errors.RefusedError, "answered 400: bad"),
        (transport.Response(500, {}, b"<html>"), errors.FaultError, "answered 500: <html>"),
        (response(200, {"outputs": 5}), errors.FaultError, "cannot be understood"),
        (transport.Response(200, {}, b"\xff"), errors.FaultError, "cannot be understood"),
        (response(200, {"model_version": "1", "outputs": []}), errors.FaultError, "no image cl"),
    ],
)
def test_what_does_not_pass_is_raised_at_once(reply, kind, sentence):
    asked, send, _ = asking(reply)
    with pytest.raises(kind, match=sentence) as raised:
        asked.predict([b""])
    assert len(send.requests) == 1
    assert raised.value.url.startswith(URL)


def test_a_cut_off_answer_makes_no_sense():
    whole = answer(1)
    cut = transport.Response(200, whole.headers, whole.body[:-3])
    asked, _, _ = asking(cut)
    with pytest.raises(errors.FaultError, match="cannot be understood"):
        asked.predict([b""])


def test_the_model_is_found_where_there_is_one():
    index = [{"name": "a", "version": "1"}, {"name": "a", "version": "2"}]
    assert client.Client(URL, send=Replies(response(200, index))).model == "a"
    several = client.Client(URL, send=Replies(response(200, [*index, {"name": "b"}])))
    with pytest.raises(errors.UserError, match="serves a, b; name one"):
        several.model  # noqa: B018


def test_ready():
    asked, _, _ = asking(response(200), response(400), errors.UnreachableError("", URL))
    assert [asked.ready() for _ in range(3)] == [True, False, False]


def test_what_cannot_be_asked():
    with pytest.raises(errors.UserError, match="must be like http://127"):
        client.Client("127.0.0.1:8000")
    asked, _, _ = asking()
    with pytest.raises(errors.UserError, match="no image to send"):
        asked.predict([])


def test_nobody_there():
    with pytest.raises(errors.UnreachableError, match=r"127\.0\.0\.1:1 cannot be reached"):
        transport.HttpTransport()(transport.Request("GET", f"{URL}/v2"))


def test_no_answer_in_time():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/v2"
        with pytest.raises(errors.NoAnswerError, match=r"no answer within 0\.05 s"):
            transport.HttpTransport()(transport.Request("GET", url, timeout_s=0.05))


def test_connections_are_kept():
    with socket.create_server(("127.0.0.1", 0)) as listening:
        url = f"http://127.0.0.1:{listening.getsockname()[1]}/"
        send = transport.HttpTransport()

        def serve():
            connection, _ = listening.accept()
            with connection:
                for _ in range(2):
                    connection.recv(1000)
                    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

        thread = threading.Thread(target=serve)
        thread.start()
        bodies = [send(transport.Request("GET", url)).body for _ in range(2)]
        thread.join()
        send.close()
    assert bodies == [b"ok", b"ok"]


def test_a_connection_that_the_server_closed_meanwhile_is_not_used():
    with socket.create_server(("127.0.0.1", 0)) as listening:
        url = f"http://127.0.0.1:{listening.getsockname()[1]}/"
        send = transport.HttpTransport()
        closed = threading.Event()

        def serve():
            for _ in range(2):
                connection, _ = listening.accept()
                with connection:
                    connection.recv(1000)
                    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
                closed.set()

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        first = send(transport.Request("GET", url)).body
        closed.wait(10)
        second = send(transport.Request("GET", url)).body
        thread.join(10)
        send.close()
    assert (first, second) == (b"ok", b"ok")


def test_neighbours_come_with_their_paths_and_an_image_that_is_refused_has_none():
    outputs = {
        "neighbours": np.array([[b"a/1.jpg", b""], [b"", b""]], object),
        "neighbour_labels": np.array([[b"a", b""], [b"", b""]], object),
        "cosines": np.float32([[0.75, 0], [0, 0]]),
        "label": np.array([b"a", b""], object),
        "score": np.float32([0.75, 0]),
        "valid": np.array([True, False]),
        "invalid_reason": np.array([b"", b"damaged"], object),
    }
    found, refused = predicted.of_answer(protocol.Answer("7", outputs))
    assert found.neighbours == (predicted.Neighbour("a/1.jpg", "a", 0.75),)
    assert (found.label, found.text, found.score) == ("a", "a", 0.75)
    assert (refused.neighbours, refused.text, refused.invalid_reason) == ((), "", "damaged")
