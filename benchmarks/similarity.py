"""Search by image: recall@1 against keras.applications and scikit-learn, the projection, the time of a query.

    python benchmarks/similarity.py --data-dir DIR --weights FILE [--seeds 3] [--server [--galleries N …]]

Per seed: a split into 60 % gallery, 20 % eval and 20 % queries. The reference embeds the images with
``keras.applications.MobileNetV2(include_top=False, pooling="avg")`` and searches by scikit-learn's
``NearestNeighbors(metric="cosine")``. Ours embeds them with the pipeline's network and searches by the graph of
the exported model; the default must find as often. The projection is trained on the classes that are not held
out and is judged on the queries of those that are: with it, and without. With ``--server`` a model server answers
single queries from a gallery of the given sizes.

Images are read once, at 160 px. Wall times are of a shared machine; processor times are of all the server's processes.
"""

import argparse
import os
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import tensorflow as tf
from sklearn import neighbors

from benchmarks import harness, process_tree
from components.preprocess import materialise
from components.trainer import config, served_model
from components.trainer.calibration import calibration as trained
from components.trainer.network import model
from data.files import hashing
from data.graph import decoding
from data.images import image_reading
from data.sources import by_folder
from tasks import retrieval_config
from tasks.facets import training
from tasks.retrieval import gallery as galleries
from tasks.retrieval import ranks, transform
from tasks.similarity import calibration

SIZE_PX = 160
BATCH = 32
GALLERIES = (160, 10_000, 50_000)
REQUESTS = 30


@dataclass(frozen=True)
class Data:
    """Pixels uint8 [N, S, S, 3], classes int [N], and names of both."""

    pixels: np.ndarray
    label_ids: np.ndarray
    labels: list[str]
    paths: list[str]


def read(root: Path) -> Data:
    """Reads class folders as Preprocess does."""
    files = list(by_folder.scan(root).files)
    labels = sorted({file.class_name for file in files})
    decode = decoding.batch_reader(SIZE_PX, "stretch", image_reading.STORED)
    parts, paths, label_ids = [], [], []
    for file in files:
        pixels, refused = decode(tf.constant([(root / file.path).read_bytes()]))
        if refused.numpy()[0]:
            continue
        parts.append(pixels.numpy()[0])
        paths.append(str(file.path))
        label_ids.append(labels.index(file.class_name))
    return Data(np.stack(parts), np.array(label_ids), labels, paths)


def embedded(network: keras.Model, pixels: np.ndarray) -> np.ndarray:
    """Runs a network on batches of pixels."""
    run = tf.function(lambda rows: network(rows, training=False), reduce_retracing=True)
    return np.concatenate(
        [
            run(tf.cast(pixels[start : start + BATCH], tf.float32)).numpy()
            for start in range(0, len(pixels), BATCH)
        ]
    )


def parted(data: Data, seed: int) -> list[np.ndarray]:
    """Gallery, eval and queries: the same shares of each class."""
    generator = np.random.default_rng(seed)
    parts: list[list[int]] = [[], [], []]
    for number in range(len(data.labels)):
        places = generator.permutation(np.flatnonzero(data.label_ids == number))
        first, second = round(0.6 * len(places)), round(0.8 * len(places))
        for part, chosen in zip(parts, np.split(places, [first, second]), strict=True):
            part += chosen.tolist()
    return [np.array(part) for part in parts]


def fit(
    data: Data, rows: np.ndarray, parts: list[np.ndarray], digest: str, **settings: object
) -> calibration.Fitted:
    """Fits what a run fits after training."""
    gallery, held, _ = parts
    images = training.TrainImages(
        rows[gallery],
        data.label_ids[gallery],
        [data.paths[place] for place in gallery],
        [hashing.sha256(data.pixels[place].tobytes()) for place in gallery],
        digest,
    )
    asked = training.CalibrationSettings(retrieval=retrieval_config.RetrievalConfig(**settings))
    return calibration.CALIBRATION.fit(rows[held], data.label_ids[held], data.labels, asked, images)


def recall(fitted: calibration.Fitted, rows: np.ndarray, label_ids: np.ndarray) -> float:
    """Searches by the graph of the exported model."""
    found = fitted.search(fitted.probabilities(tf.constant(rows)), fitted.ranked)
    counts = fitted.gallery.counts(fitted.class_count)
    judged = ranks.of(found.label_ids.numpy(), label_ids, counts, np.zeros(len(counts), bool))
    return ranks.recall(judged, 1)


def by_scikit_learn(data: Data, rows: np.ndarray, parts: list[np.ndarray]) -> float:
    """The reference's recall@1."""
    gallery, _, queries = parts
    found = neighbors.NearestNeighbors(n_neighbors=1, metric="cosine").fit(rows[gallery])
    nearest = found.kneighbors(rows[queries], return_distance=False)[:, 0]
    return float((data.label_ids[gallery][nearest] == data.label_ids[queries]).mean())


def one_seed(
    data: Data, ours: np.ndarray, reference: np.ndarray, digest: str, seed: int
) -> dict[str, float]:
    """All recalls of one split."""
    parts = parted(data, seed)
    frozen = fit(data, ours, parts, digest)
    queries, label_ids = ours[parts[2]], data.label_ids[parts[2]]
    numbers = [data.labels.index(name) for name in frozen.held_out]
    held = np.isin(label_ids, numbers)
    row = {
        "reference": by_scikit_learn(data, reference, parts),
        "frozen": recall(frozen, queries, label_ids),
        "frozen_held_out": recall(frozen, queries[held], label_ids[held]),
    }
    for kind in ("proxy_anchor", "arcface"):
        start = time.process_time()
        fitted = fit(data, ours, parts, digest, projection=kind)
        row[f"{kind}_s"] = time.process_time() - start
        row[f"{kind}_kept"] = float(fitted.kind == kind)
        row[f"{kind}_held_out"] = recall(fitted, queries[held], label_ids[held])
        row[kind] = recall(fitted, queries, label_ids)
    return row


def query_ms(network: keras.Model, data: Data, size: int) -> dict[str, float]:
    """Times queries through a running server, with a gallery of random vectors.

    Returns:
      The median of the wall time and the mean of the server's processor time of a query, in milliseconds.
    """
    from components.release_gate.parity import server_process
    from serving.client import client

    rows = transform.unit(
        np.random.default_rng(0).standard_normal([size, network.output.shape[-1]])
    )
    gallery = galleries.Gallery(
        rows,
        np.zeros(size, np.int32),
        [f"{number}.jpg" for number in range(size)],
        [f"{number}" for number in range(size)],
        "",
    )
    counts = {"train": size, "eval": 0, "test": 0}
    spec = materialise.Spec(SIZE_PX, "stretch", data.labels, counts, task="similarity")
    fitted = calibration.Fitted(gallery=gallery, class_count=len(data.labels))
    image = tf.io.encode_jpeg(data.pixels[0]).numpy()
    with tempfile.TemporaryDirectory() as name:
        served_model.save(
            network,
            spec,
            "mobilenet_v2",
            Path(name, "model"),
            Path(name),
            trained.Calibration(fitted),
            with_network=True,
        )
        with server_process.running(Path(name, "model"), 600) as address:
            asked = client.Client(f"http://{address.http}")
            times: list[float] = []
            for number in range(REQUESTS + 5):
                if number == 5:
                    before_s = process_tree.cpu_s(os.getpid())
                start = time.perf_counter()
                (found,) = asked.predict([image])
                if len(found.neighbours) != fitted.neighbours:
                    raise RuntimeError(f"{len(found.neighbours)} neighbours were returned")
                times += [time.perf_counter() - start] if number >= 5 else []
            used_s = process_tree.cpu_s(os.getpid()) - before_s
    return {
        "wall": round(1000 * float(np.median(times)), 1),
        "processor": round(1000 * used_s / REQUESTS, 1),
    }


def main() -> None:
    """Measures, and prints the result."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data-dir", type=Path, required=True, help="class folders")
    parser.add_argument("--weights", type=Path, required=True, help="of MobileNetV2, without top")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--server", action="store_true", help="also time queries")
    parser.add_argument("--galleries", type=int, nargs="+", default=GALLERIES, help="of queries")
    given = parser.parse_args()
    data = read(given.data_dir)
    settings = config.TrainConfig(backbone="mobilenet_v2", weights=str(given.weights))
    counts = {"train": len(data.paths), "eval": 0, "test": 0}
    spec = materialise.Spec(SIZE_PX, "stretch", data.labels, counts, task="similarity")
    network = model.build(settings, spec)
    digest = hashing.arrays(variable.numpy() for variable in network.variables)
    shape = (SIZE_PX, SIZE_PX, 3)
    usual = keras.applications.MobileNetV2(
        include_top=False, pooling="avg", input_shape=shape, weights=str(given.weights)
    )
    pixels = keras.Input(shape)
    scaled = keras.applications.mobilenet_v2.preprocess_input(pixels)
    reference = embedded(keras.Model(pixels, usual(scaled)), data.pixels)
    ours = embedded(network, data.pixels)
    rows = [one_seed(data, ours, reference, digest, seed) for seed in range(given.seeds)]
    for seed, row in enumerate(rows):
        print(f"seed {seed}: " + ", ".join(f"{name} {value:.4g}" for name, value in row.items()))
    means = {name: round(float(np.mean([row[name] for row in rows])), 4) for name in rows[0]}
    sizes = given.galleries if given.server else []
    times = {}
    for size in sizes:
        times[str(size)] = query_ms(network, data, size)
        print(f"a query of {size} images, ms: {times[str(size)]}", flush=True)
    harness.finish(
        claim="recall@1 of the default, against keras.applications and scikit-learn",
        unit="share",
        reference=means["reference"],
        ours=means["frozen"],
        ratio=means["frozen"] / means["reference"],
        goal=1.0,
        details={**means, "seeds": given.seeds, "query_ms_by_gallery": times},
    )


if __name__ == "__main__":
    main()
