"""Sends requests over the Open Inference Protocol to a server that runs the candidate."""

import contextlib
import time
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from components.release_gate.parity import probe, server_process
from tasks.facets import judging

STAGE = "the running server"
IMAGES_INPUT = "image_bytes"
REQUEST_IMAGES = 8
TOO_LARGE = "413"  # HTTP's status, as in tritonclient
_POLL_S = 0.1


def ask(
    server: server_process.Starting,
    address: server_process.Address,
    images: Sequence[bytes],
    compare: judging.Compare,
) -> probe.Stage:
    """Sends N encoded images to a server that has loaded the model.

    Args:
      server: the server.
      address: its address.
      images: the images.
      compare: names the outputs that are compared.

    Raises:
      server_process.ServerError: it dies, answers with an error, or not within its limit.
    """
    wanted = {compare.output, probe.VALID, compare.name_output}
    with server.with_log(), asked(address, server.limit_s) as (client, rank, offered):
        parts = _in_parts(client, address.model, images, rank, offered & wanted)
    joined = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    named = joined.get(compare.name_output)
    labels = None if named is None else [label.decode() for label in named]
    return probe.Stage(STAGE, joined[compare.output], joined[probe.VALID].astype(bool), labels)


@contextlib.contextmanager
def asked(address: server_process.Address, limit_s: float) -> Iterator[tuple[Any, int, set[str]]]:
    """Opens a client of a server that has loaded its model.

    Args:
      address: the server's address.
      limit_s: the time limit of an answer.

    Yields:
      The client, the rank of the images' input ([B] or [B, 1]), and the outputs' names.

    Raises:
      server_process.ServerError: no answer came within the limit, or an error; from inside the block too.
    """
    # An optional dependency, installed only for serving.
    import tritonclient.http
    import tritonclient.utils

    client = tritonclient.http.InferenceServerClient(
        address.http, connection_timeout=limit_s, network_timeout=limit_s
    )
    try:
        _await_ready(client, address.model, limit_s)
        metadata = client.get_model_metadata(address.model)
        rank = len(metadata["inputs"][0]["shape"])
        yield client, rank, {output["name"] for output in metadata["outputs"]}
    except TimeoutError as error:
        raise server_process.ServerError(
            f"The server has not answered a request within {limit_s:g} s."
        ) from error
    except (tritonclient.utils.InferenceServerException, OSError) as error:
        raise server_process.ServerError(f"The server answered with an error: {error}.") from error
    finally:
        client.close()


def _await_ready(client: Any, model: str, limit_s: float) -> None:
    deadline = time.monotonic() + limit_s
    while not client.is_model_ready(model):
        if time.monotonic() > deadline:
            raise server_process.ServerError(
                f"The server has not loaded {model!r} within {limit_s:g} s."
            )
        time.sleep(_POLL_S)


def _in_parts(
    client: Any, model: str, images: Sequence[bytes], rank: int, names: set[str]
) -> list[dict[str, np.ndarray]]:
    most = client.get_model_config(model).get("max_batch_size", 0) or REQUEST_IMAGES
    size = min(most, REQUEST_IMAGES)
    return [
        infer(client, model, images[start : start + size], rank, names)
        for start in range(0, len(images), size)
    ]


def infer(
    client: Any, model: str, images: Sequence[bytes], rank: int, names: set[str]
) -> dict[str, np.ndarray]:
    """Requests a batch, in halves where its images have too many pixels in total.

    Returns:
      Output name → its values, the batch first.
    """
    import tritonclient.utils

    try:
        return _infer(client, model, images, rank, names)
    except tritonclient.utils.InferenceServerException as error:
        if error.status() != TOO_LARGE or len(images) == 1:
            raise
    half = len(images) // 2
    parts = [infer(client, model, part, rank, names) for part in (images[:half], images[half:])]
    return {name: np.concatenate([part[name] for part in parts]) for name in names}


def _infer(
    client: Any, model: str, images: Sequence[bytes], rank: int, names: set[str]
) -> dict[str, np.ndarray]:
    import tritonclient.http

    count = len(images)
    values = np.array(list(images), object).reshape((count,) + (1,) * (rank - 1))
    asked = tritonclient.http.InferInput(IMAGES_INPUT, list(values.shape), "BYTES")
    asked.set_data_from_numpy(values)
    wanted = [tritonclient.http.InferRequestedOutput(name) for name in sorted(names)]
    answer = client.infer(model, [asked], outputs=wanted)
    # Triton may add an axis of length 1 to an output with one value for each image.
    shape = {name: answer.as_numpy(name).size == count for name in names}
    return {n: answer.as_numpy(n).reshape(count if shape[n] else (count, -1)) for n in names}
