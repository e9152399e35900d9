"""Requests that a stranger may send to the gateway, by hypothesis strategies.

Most are nearly right: one thing in a sound request is wrong, so that they come far.
"""

import base64
import struct
from dataclasses import dataclass, replace
from typing import Any

from hypothesis import strategies as st

from benchmarks import hostile_json, raw_http
from serving.client import protocol

V1, V2, PAGE = "TensorFlow Serving's REST", "Open Inference Protocol", "the page"


@dataclass(frozen=True)
class Attempt:
    """A request.

    Attributes:
      api: V1, V2 or PAGE.
      method: of HTTP; so are ``path`` and ``headers``.
      body: as it is sent.
      stated_length: the Content-Length; None: there is none.
      finished: whether the client says that it sends nothing more.
    """

    api: str
    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    stated_length: int | None
    finished: bool = False

    def wire(self) -> bytes:
        """The bytes that are sent."""
        return raw_http.request(self.method, self.path, self.headers, self.body, self.stated_length)


def attempt(api: str, path: str, body: bytes, headers: dict[str, str] | None = None) -> Attempt:
    """A POST without anything odd about its HTTP."""
    return Attempt(api, "POST", path, headers or {}, body, len(body))


def _b64(image: bytes) -> dict[str, str]:
    return {"b64": base64.b64encode(image).decode()}


def v1(images: st.SearchStrategy[bytes], model: str) -> st.SearchStrategy[Attempt]:
    """Requests to TensorFlow Serving's REST API."""
    value = images.map(_b64)
    odd = st.one_of(
        hostile_json.ANYTHING, st.builds(lambda text: {"b64": text}, hostile_json.SCALARS)
    )
    item = st.one_of(
        value, value, st.builds(lambda one: {"image_bytes": one}, value), st.lists(value), odd
    )
    items = st.one_of(st.lists(item, min_size=1, max_size=4), st.just([{"b64": ""}] * 400))
    good = st.builds(lambda key, many: {key: many}, st.sampled_from(["instances"] * 3), items)
    columns = st.builds(lambda many: {"inputs": {"image_bytes": many}}, items)
    extra = st.dictionaries(
        st.sampled_from(["signature_name", "instances", "inputs", "more"]),
        hostile_json.ANYTHING,
        max_size=1,
    )
    body = st.builds(
        lambda one, more: hostile_json.text({**one, **more}), st.one_of(good, good, columns), extra
    )
    verb = st.sampled_from([":predict"] * 12 + [":classify", ":regress", "", "/metadata"])
    version = st.sampled_from([""] * 12 + ["/versions/1", "/versions/9", "/labels/stable"])
    far = st.sampled_from(["/versions/99999999999999999999", "/labels/\u20ac", "/versions/-1"])
    name = st.sampled_from([model] * 15 + ["other"])
    path = st.builds(lambda *parts: "/v1/models/" + "".join(parts), name, version | far, verb)
    bodies = st.one_of(body, body, body, hostile_json.damaged(body))
    return st.builds(lambda where, what: attempt(V1, where, what), path, bodies)


def _v2_head(image: bytes) -> dict[str, Any]:
    tensor = {"name": "image_bytes", "shape": [1, 1], "datatype": "BYTES"}
    tensor["data"] = [base64.b64encode(image).decode()]
    return {"parameters": {"encoding": "base64"}, "inputs": [tensor]}


_PARAMETERS = st.dictionaries(
    st.one_of(
        st.sampled_from(["signature", "encoding", "binary_data_output", "priority", "timeout"]),
        st.sampled_from(["sequence_id", "sequence_start", "triton_x", "shared_memory_region"]),
        st.text(max_size=6),
    ),
    hostile_json.ANYTHING,
    max_size=3,
)
_OUTPUT = st.builds(
    lambda name, parameters: {"name": name, "parameters": parameters},
    st.one_of(st.sampled_from(["label", "probabilities", "valid"]), hostile_json.SCALARS),
    st.dictionaries(
        st.sampled_from(
            ["binary_data", "classification", "shared_memory_region", "shared_memory_byte_size"]
        ),
        hostile_json.SCALARS,
        max_size=2,
    ),
)
_SHAPE = st.one_of(
    st.sampled_from([[0, 1], [1], [1, 2], [2, 1], [33, 1], [-1, 1], [1, 0], [2**32, 2**32]]),
    st.lists(hostile_json.NUMBERS, max_size=4),
    hostile_json.ANYTHING,
)


def v2_json(images: st.SearchStrategy[bytes], model: str) -> st.SearchStrategy[Attempt]:
    """Infer requests in JSON."""

    def changed(image: bytes, field: str, value: Any) -> bytes:
        head = _v2_head(image)
        place = head if field in ("id", "inputs", "outputs", "parameters") else head["inputs"][0]
        place[field] = value
        return hostile_json.text(head)

    fields = st.one_of(
        st.tuples(
            st.sampled_from(["id", "inputs", "outputs", "parameters"]), hostile_json.ANYTHING
        ),
        st.tuples(st.just("parameters"), _PARAMETERS),
        st.tuples(st.just("outputs"), st.lists(_OUTPUT, max_size=3)),
        st.tuples(st.just("shape"), _SHAPE),
        st.tuples(
            st.sampled_from(["name", "datatype", "data", "parameters"]), hostile_json.ANYTHING
        ),
        st.tuples(st.just("data"), st.lists(hostile_json.SCALARS, max_size=3)),
    )
    body = st.builds(lambda image, field: changed(image, *field), images, fields)
    sound = images.map(lambda image: hostile_json.text(_v2_head(image)))
    bodies = st.one_of(body, body, sound, hostile_json.damaged(sound))
    return st.builds(lambda content: attempt(V2, _infer(model), content), bodies)


def v2_binary(images: st.SearchStrategy[bytes], model: str) -> st.SearchStrategy[Attempt]:
    """Infer requests with binary inputs, and with lies about their lengths."""

    def lying(
        items: list[bytes], prefix: int | None, size: int | None, length: str | None, shape: Any
    ) -> Attempt:
        parts = [struct.pack("<I", len(item)) + item for item in items]
        if prefix is not None:
            parts[:1] = [struct.pack("<I", prefix) + item for item in items[:1]]
        binary = b"".join(parts)
        tensor = {
            "name": "image_bytes",
            "shape": [len(items), 1] if shape is None else shape,
            "datatype": "BYTES",
            "parameters": {"binary_data_size": len(binary) if size is None else size},
        }
        head = hostile_json.text({"inputs": [tensor], "parameters": {"binary_data_output": True}})
        stated = str(len(head)) if length is None else length
        return attempt(V2, _infer(model), head + binary, {protocol.HEADER_LENGTH: stated})

    number = st.one_of(st.integers(0, 2**32 - 1), st.integers(0, 900))
    length = st.one_of(st.integers(-1, 400).map(str), st.sampled_from(["a", "9" * 30, ""]))
    items, truth = st.lists(images, min_size=1, max_size=8), st.none()
    return st.one_of(  # one thing is a lie, or nothing is
        st.builds(lying, items, truth, truth, truth, truth),
        st.builds(lying, items, number, truth, truth, truth),
        st.builds(lying, items, truth, number, truth, truth),
        st.builds(lying, items, truth, truth, length, truth),
        st.builds(lying, st.lists(images, max_size=40), truth, truth, truth, _SHAPE),
    )


def v2_other(model: str) -> st.SearchStrategy[Attempt]:
    """All that is no infer request, and mostly none of a client's business."""
    paths = ["/v2", "/v2/", "/v2/health/live", "/v2/health/ready", "/v2/repository/index"]
    paths += ["/v2/logging", "/v2/trace/setting", "/v2/systemsharedmemory/region/x/register"]
    paths += [f"/v2/repository/models/{model}/load", f"/v2/repository/models/{model}/unload"]
    ends = ["", "/ready", "/config", "/stats", "/generate", "/infer", "/versions/9/infer"]
    ends += ["/versions/1", "/versions/99999999999999999999/config", "%2finfer", "/../../logging"]
    paths += [f"/v2/models/{name}{end}" for name in (model, "other", "%00") for end in ends]
    path = st.one_of(st.sampled_from(paths), st.text(max_size=30).map(lambda text: f"/v2/{text}"))
    methods = st.sampled_from(["GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH"])
    return st.builds(
        lambda where, how, body: replace(attempt(V2, where, body), method=how),
        path.map(_one_line),
        methods,
        st.one_of(st.just(b""), hostile_json.ANYTHING.map(hostile_json.text)),
    )


def odd_http(sound: st.SearchStrategy[Attempt]) -> st.SearchStrategy[Attempt]:
    """Sound requests in odd HTTP."""

    def chunked(one: Attempt, size: int, stated: str) -> Attempt:
        parts = [one.body[start : start + size] for start in range(0, len(one.body), size)]
        body = b"".join(
            f"{stated or format(len(part), 'x')}\r\n".encode() + part + b"\r\n" for part in parts
        )
        headers = {**one.headers, "Transfer-Encoding": "chunked"}
        body += b"0\r\n\r\n"
        return replace(one, headers=headers, body=body, stated_length=None, finished=True)

    headers = st.sampled_from(
        [
            {"Content-Type": "image/jpeg"},
            {"Content-Type": "application/json; charset=\u20ac"},
            *({"Content-Encoding": kind} for kind in ("gzip", "deflate", "br", "zstd", "x")),
            {"Expect": "100-continue"},
            {"Transfer-Encoding": "gzip"},
            {"X": "y" * 20_000},
            {"Connection": "Upgrade", "Upgrade": "websocket"},
            {protocol.HEADER_LENGTH: "5"},
        ]
    )
    methods = st.sampled_from(["GET", "PUT", "TRACE", "CONNECT", "\u00dc", "", "P" * 9000])
    sizes = st.sampled_from(["", "", "", "zz", "-1", "fffff"])
    # Less comes than was stated; what comes behind is taken for the next request.
    lies = st.one_of(
        st.sampled_from([1, 100, 10**6, 10**12, 10**30]), st.integers(1, 200).map(int.__neg__)
    )
    return st.one_of(
        st.builds(lambda one, more: replace(one, headers=more), sound, headers),
        st.builds(chunked, sound, st.integers(1, 300), sizes),
        st.builds(
            lambda one, lie: replace(one, stated_length=max(0, len(one.body) + lie), finished=True),
            sound,
            lies,
        ),
        st.builds(lambda one, method: replace(one, method=method, finished=True), sound, methods),
    )


def kinds(
    images: st.SearchStrategy[bytes], model: str, largest: int
) -> dict[str, tuple[float, st.SearchStrategy[Attempt]]]:
    """All of them by kind, each with its share of the whole.

    Args:
      images: what is sent for an image.
      model: its name.
      largest: the bytes of a body that is refused for its size.
    """
    v1_path = f"/v1/models/{model}:predict"
    sound = st.one_of(
        images.map(lambda image: attempt(V2, _infer(model), hostile_json.text(_v2_head(image)))),
        images.map(
            lambda image: attempt(V1, v1_path, hostile_json.text({"instances": [_b64(image)]}))
        ),
    )
    large = st.builds(
        lambda path, junk: attempt(V1 if path == v1_path else V2, path, junk * largest),
        st.sampled_from([v1_path, _infer(model)]),
        st.sampled_from([b"[", b"\0", b'"', b"9"]),
    )
    paths = st.sampled_from(["/", "/page/about", "/page/predict", "/page/predict?heatmap=1", "/x"])
    methods = st.sampled_from(["POST", "POST", "POST", "GET", "PUT"])
    page = st.builds(
        lambda path, method, body: replace(attempt(PAGE, path, body), method=method),
        paths,
        methods,
        st.one_of(images, images, st.binary(max_size=100)),
    )
    return {
        "images": (0.25, sound),
        "the page": (0.05, page),
        "TensorFlow Serving's JSON": (0.2, v1(images, model)),
        "inference in JSON": (0.22, v2_json(images, model)),
        "inference in binary": (0.12, v2_binary(images, model)),
        "other paths": (0.05, v2_other(model)),
        "odd HTTP": (0.1, odd_http(sound)),
        "too large": (0.01, large),
    }


def _infer(model: str) -> str:
    return f"/v2/models/{model}/infer"


def _one_line(path: str) -> str:
    """A path that does not end the request's first line."""
    return "".join(letter for letter in path if letter > " ")
