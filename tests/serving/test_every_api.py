"""Parity images through every protocol of a real server, and without one, match the network."""

import base64
import functools
import json
import re
import urllib.error
import urllib.request
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import grpc
import numpy as np
import pytest
import tensorflow as tf
from packaging import version

from components.predict import exported_model
from components.release_gate.parity import parity_images, training_stage
from components.trainer import contract as trained_contract
from data.images import refusals
from serving import __main__ as command
from serving.client import client, in_process, predicted
from serving.gateway import bounds
from serving.replay import recording
from tests.models import LABELS
from tests.serving import served
from tests.serving.served import encoded

pytestmark = [
    served.needs_triton,
    pytest.mark.xdist_group(served.OPEN),
    pytest.mark.usefixtures("graphs_as_they_are"),
]

TOLERANCE = 1e-5
MAX_BATCH = bounds.Limits().max_batch


@dataclass(frozen=True)
class Said:
    """The predictions of one protocol for N images of K classes.

    Attributes:
      probabilities: float [N, K].
      valid: bool [N].
      labels: N names, empty if not valid.
    """

    probabilities: np.ndarray
    valid: np.ndarray
    labels: list[str]


@pytest.fixture(scope="module")
def images() -> list[parity_images.ParityImage]:
    """Returns images of each class, every format, orientation and size, and broken ones."""
    return parity_images.images({name: encoded(seed=seed) for seed, name in enumerate(LABELS)})


@pytest.fixture(scope="module")
def trained(exported, images) -> Said:
    """Returns the trained network's predictions for the pixels that it was trained on."""
    path = exported[2]
    spec = training_stage.spec_of(trained_contract.read(path))
    content = [image.encoded for image in images]
    stage = training_stage.ask(path.parent / "2.keras", spec, {}, content)
    indices = stage.values.argmax(axis=1)
    labels = [LABELS[i] if valid else "" for i, valid in zip(indices, stage.valid, strict=True)]
    assert 4 <= (~stage.valid).sum() < stage.valid.sum()
    return Said(stage.values, stage.valid, labels)


@pytest.fixture
def server(open_server) -> served.Server:
    return open_server


def of_rows(outputs) -> Said:
    """Converts outputs by name, as of TensorFlow, Triton or JSON."""
    names = [one.decode() if isinstance(one, bytes) else one for one in outputs["label"]]
    return Said(np.array(outputs["probabilities"], float), np.array(outputs["valid"], bool), names)


def joined(parts: Iterable[Said]) -> Said:
    parts = list(parts)
    return Said(
        np.concatenate([part.probabilities for part in parts]),
        np.concatenate([part.valid for part in parts]),
        [name for part in parts for name in part.labels],
    )


def of_predictions(found: list[predicted.Prediction]) -> Said:
    return of_rows(
        {
            "probabilities": [one.probabilities for one in found],
            "valid": [one.valid for one in found],
            "label": [one.label for one in found],
        }
    )


def post(url: str, content: dict) -> dict:
    request = urllib.request.Request(url, json.dumps(content).encode())  # noqa: S310
    with urllib.request.urlopen(request) as response:  # noqa: S310
        return json.load(response)


def text(image: bytes) -> str:
    return base64.b64encode(image).decode()


@functools.cache
def loaded(path: Path):
    return tf.saved_model.load(str(path))


def serving_default_in_process(server, images) -> Said:
    serve = loaded(server.folder / "1").signatures["serving_default"]
    return of_rows(
        {key: one.numpy() for key, one in serve(image_bytes=tf.constant(images)).items()}
    )


def serve_examples_in_process(server, images) -> Said:
    serve = loaded(server.folder / "1").signatures["serve_examples"]
    records = tf.constant([exported_model.record(content) for content in images])
    return of_rows({key: one.numpy() for key, one in serve(examples=records).items()})


def local_predict(server, images) -> Said:
    return of_predictions(in_process.served(server.folder).predict_all(images))


def triton_binary(server, images) -> Said:
    with client.Client(server.url) as asked:
        return of_predictions(asked.predict(images))


def triton_json(server, images) -> Said:
    tensor = {
        "name": "image_bytes",
        "shape": [len(images), 1],
        "datatype": "BYTES",
        "data": [text(image) for image in images],
    }
    content = {"parameters": {"encoding": "base64"}, "inputs": [tensor]}
    answer = post(f"{server.url}/v2/models/shapes/infer", content)
    outputs = {one["name"]: np.reshape(one["data"], one["shape"]) for one in answer["outputs"]}
    return of_rows(
        {key: value if key == "probabilities" else value.ravel() for key, value in outputs.items()}
    )


def triton_grpc(server, images) -> Said:
    with pytest.MonkeyPatch.context() as patch:
        # Its generated code requires a newer grpcio than TFX 1.16 allows, but works with this one.
        patch.setattr(grpc, "__version__", max(grpc.__version__, "1.67.0", key=version.parse))
        import tritonclient.grpc as triton
    values = np.array([*images, None], object)[:-1, None]  # otherwise NumPy drops zeros at the end
    tensor = triton.InferInput("image_bytes", list(values.shape), "BYTES")
    tensor.set_data_from_numpy(values)
    with triton.InferenceServerClient(server.address["grpc"]) as asked:
        answer = asked.infer("shapes", [tensor])
    outputs = {key: answer.as_numpy(key) for key in ("label", "valid")}
    probabilities = answer.as_numpy("probabilities")
    return of_rows(
        {"probabilities": probabilities} | {key: one.ravel() for key, one in outputs.items()}
    )


def tensorflow_serving_by_row(server, images) -> Said:
    instances = [{"image_bytes": {"b64": text(image)}} for image in images]
    url = f"{server.address['rest']}/v1/models/shapes:predict"
    rows = post(url, {"instances": instances})["predictions"]
    return of_rows({key: [row[key] for row in rows] for key in rows[0]})


def tensorflow_serving_by_column(server, images) -> Said:
    inputs = {"image_bytes": [{"b64": text(image)} for image in images]}
    url = f"{server.address['rest']}/v1/models/shapes:predict"
    return of_rows(post(url, {"inputs": inputs})["outputs"])


APIS = (
    # In process they are also parity's stages, which the release gate's tests run.
    pytest.param(serving_default_in_process, marks=pytest.mark.landing),
    pytest.param(serve_examples_in_process, marks=pytest.mark.landing),
    local_predict,
    triton_binary,
    triton_json,
    triton_grpc,
    tensorflow_serving_by_row,
    tensorflow_serving_by_column,
)


@pytest.mark.parametrize("api", APIS, ids=lambda api: api.__name__)
def test_parity_images_are_answered_as_by_the_trained_network(api, server, images, trained):
    # One batch, because this process loads the model for each.
    size = len(images) if api is local_predict else MAX_BATCH
    said = joined(
        api(server, [image.encoded for image in images[start : start + size]])
        for start in range(0, len(images), size)
    )
    assert said.valid.tolist() == trained.valid.tolist()
    np.testing.assert_allclose(said.probabilities, trained.probabilities, rtol=0, atol=TOLERANCE)
    assert said.labels == trained.labels


@pytest.mark.parametrize(
    "by_url", [True, pytest.param(False, marks=pytest.mark.landing)], ids=["url", "folder"]
)
def test_the_command_prints_what_the_trained_network_says(
    server, images, trained, tmp_path, capsys, monkeypatch, by_url
):
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.chdir(tmp_path)
    names = [f"{number:02d}" for number in range(len(images))]
    for name, image in zip(names, images, strict=True):
        (tmp_path / name).write_bytes(image.encoded)
    flags = ["--url", server.url] if by_url else ["--model-dir", str(server.folder)]
    assert command.main(["predict", *names, *flags]) == 0
    _, *rows, version = capsys.readouterr().out.splitlines()
    assert version.strip() == "model version 1"
    for name, label, row, printed in zip(
        names, trained.labels, trained.probabilities, rows, strict=True
    ):
        assert printed.startswith(name)
        if label:
            assert label in printed
            score = float(re.search(r"([\d.]+)%", printed)[1])
            assert score == pytest.approx(100 * row.max(), abs=0.051)
        else:
            reason = re.search(r"image cannot be read: (\w+)$", printed.rstrip())
            assert reason and reason[1] in refusals.REFUSALS


def test_serve_examples_is_behind_no_api(server):
    """Its input differs: the limit on pixels could not be enforced without parsing the records."""
    tensor = {"name": "image_bytes", "shape": [1, 1], "datatype": "BYTES", "data": [""]}
    content = {"parameters": {"signature": "serve_examples"}, "inputs": [tensor]}
    with pytest.raises(urllib.error.HTTPError) as raised:
        post(f"{server.url}/v2/models/shapes/infer", content)
    with raised.value as refused:
        assert "no signature 'serve_examples'" in refused.read().decode()


@pytest.mark.parametrize(
    "api", [tensorflow_serving_by_row, triton_binary, triton_json], ids=lambda api: api.__name__
)
def test_what_was_asked_by_rest_is_recorded(api, server):
    sent = [encoded(seed=90), b"", encoded(seed=91)]
    path = server.folder.parent / served.RECORD
    before = path.stat().st_size
    api(server, sent)
    found, unreadable = recording.of_file(path)
    assert path.stat().st_size > before
    assert not unreadable
    assert [one.read() for one in found[-3:]] == sent
