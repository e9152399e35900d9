"""Whatever became of a file between writing and reading: one sentence, or a line in the log.

Each reader gets what it wrote, damaged in every way that files are: it may refuse it by an error of
the project, rebuild or pass over it. No other exception, and no acceptance of what is no file at all.
"""

import ast
import contextlib
import dataclasses
import functools
import json
import os
import random
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from components.image_example_gen import first_pass
from components.image_validator import findings
from components.infra_validator import trial
from components.predict import cache
from components.predict.user_files import answering, listing
from components.predict.user_files import tables as answer_tables
from components.preprocess import materialise
from components.release_gate import decision, gate
from components.release_gate.parity import (
    differences,
    probe,
    server_process,
    server_trial,
    training_stage,
)
from components.report import build
from components.trainer import config as train_config
from components.trainer import contract, history
from components.trainer.exports import exports_file
from components.trainer.features import store
from components.trainer.loop import checkpoint
from components.trainer.network import keras_archive, model, stored
from data import errors
from data.boxes import given
from data.corrections import decisions
from data.examples import catalog, examples_artifact, ingest_report
from data.files import read_arrays, read_back
from data.images import decoder_pool, image_reading, value_range
from data.masks import class_list, mask_store, shapes, work
from data.sources import label_source
from data.sources import registry as label_sources
from data.splits import file_index, labels, split
from pipeline.history import lineage, mlmd
from pipeline.kubeflow import entrypoint, executor_input, submit
from pipeline.outcome import step_lines, summary
from pipeline.review import asked, embeddings
from pipeline.run import lock, rerun_reasons
from pipeline.scheduled import confidence, config, drifting, new_images, state
from pipeline.settings import setting_sources
from serving import errors as serving_errors
from serving import tables
from serving.client import client, in_process, predicted, protocol, transport
from serving.gateway import upstream
from tasks import gate_check
from tasks import result as task_result
from tasks.classification import answers as predictions
from tasks.classification.answers import ANSWERS
from tasks.classification.figures import result as evaluation
from tasks.predictions import schema
from tasks.statistics import averages, intervals
from tests.data import index_rows

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("data", "tasks", "components", "pipeline", "serving")
READERS = ("read_back", "read_arrays", "read_lines", "read_parquet", "read_tables")
DIGEST, MODEL = "ab" * 32, "cd" * 32


@dataclasses.dataclass(frozen=True)
class Reader:
    """A reader and a file that it reads.

    Attributes:
      covers: the functions that it goes through, as ``path.py:Class.function``.
      write: writes a good file into a folder, and returns its path.
      read: reads the file.
      refuses: whether it raises on what is no such file; else it goes on without it.
      named: whether the message names the file; else what was given is no file.
      raises: what it may raise.
      depth: of the nested lists that it gets.
    """

    covers: str
    write: Callable[[Path], Path]
    read: Callable[[Path], Any]
    refuses: bool = True
    named: bool = True
    raises: tuple[type[Exception], ...] = (errors.PipelineError,)
    depth: int = 20_000  # of nested lists; YAML is slow


def written(name: str, content: str | bytes) -> Callable[[Path], Path]:
    def write(folder: Path) -> Path:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return write


def saved(name: str, save: Callable[[Path], object]) -> Callable[[Path], Path]:
    def write(folder: Path) -> Path:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        save(path)
        return path

    return write


def parent(read: Callable[[str], Any]) -> Callable[[Path], Any]:
    return lambda path: read(str(path.parent))


def text(read: Callable[[Any], Any]) -> Callable[[Path], Any]:
    """A reader of what another process answered, not of a file."""
    return lambda path: read(path.read_bytes())


@functools.cache
def network() -> keras.Model:
    return model.build(train_config.TrainConfig(backbone="cnn_separable", weights="random"), SPEC)


def step_with(key: str) -> Callable[[Path], Any]:
    return lambda path: types.SimpleNamespace(uri={key: str(path.parent)}.__getitem__)


def beside_image(name: str, content: str | bytes) -> Callable[[Path], Path]:
    """Writes a manifest beside the image that it names."""

    def write(folder: Path) -> Path:
        (folder / "a.jpg").touch()
        return written(name, content)(folder)

    return write


def rows_of(path: Path) -> None:
    asked = label_sources.request(path, rule=label_source.LabelRule("any"))
    label_sources.check(label_sources.scan(asked), asked)


def masks_of(path: Path) -> None:
    rule = label_source.LabelRule("any", annotates="pixels")
    listing = label_sources.scan(label_source.Request(path.parent, rule=rule))
    label_sources.lines(listing)
    for file in listing.files:
        shapes.Shapes.from_json(file.mask.shapes)


def yolo_box(folder: Path) -> Path:
    (folder / "a.txt").write_text("0 0.5 0.5 0.2 0.2\n")
    return beside_image("data.yaml", "names: {0: cat, 1: dog}")(folder)


def boxes_of(path: Path) -> None:
    rule = label_source.LabelRule("any", annotates="boxes")
    listing = label_sources.scan(label_source.Request(path.parent, rule=rule))
    label_sources.lines(listing)


def classes_of(path: Path) -> None:
    class_list.parse(path.name, path.read_bytes())


def parquet_of(columns: dict[str, list]) -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table(columns), sink)
    return sink.getvalue().to_pybytes()


CHOSEN = {"type": "choices", "from_name": "kind", "value": {"choices": ["cat"]}}
LABEL_STUDIO = {"id": 1, "data": {"image": "a.jpg"}, "annotations": [{"result": [CHOSEN]}]}
COCO = {
    "images": [{"id": 1, "file_name": "a.jpg"}],
    "annotations": [{"image_id": 1, "category_id": 1}],
    "categories": [{"id": 1, "name": "cat"}],
}
ASKED = probe.Stage("server", np.array([[0.25, 0.75]], np.float32), np.array([True]))
RECORD = server_trial.Record("m", "a", server_trial.Answers(1.0, ASKED, ASKED, [5.0]))
MEASURED = probe.Measured(1.0, 1.0, 1.0, 1.0, 1.0, 3)
SPEC = materialise.Spec(32, "stretch", ["a", "b"], {"train": 3}, image_reading.DEFAULT)
CONTRACT = {
    "labels": ["a", "b"],
    "image_size_px": 32,
    "resize": "stretch",
    "backbone": "tiny",
    **image_reading.DEFAULT.to_dict(),
}
AVERAGE = averages.Average(1.0, 1.0, 1.0)
RESULT = evaluation.Result(
    labels=["a"], confidence=0.95, example_count=1, top_k=1,
    figures={"accuracy": task_result.Figure(1.0, intervals.Interval(0.1, 1.0)),
             "log_loss": task_result.Figure(0.1)},
    averages=averages.Averages(AVERAGE, AVERAGE, AVERAGE, {}), per_class={}, confusion=[[1, 0]],
    slices=[],
)  # fmt: skip
REPORT = ingest_report.Report(
    examples={"train": {"a": 3}},
    quarantined=[ingest_report.Quarantined("a.png", ("a",), "damaged")],
)
HISTORY = history.History({"head": {"val_loss": [0.5], "val_accuracy": [0.9]}})
DECISION = decision.Decision("release", True, [gate_check.Check("floor", "release", "Good.")])
FINDINGS = [findings.Finding("blurry", "warn", "Two.", 2, [findings.Case(["a.png"], "0.1")])]
SUMMARY = summary.Summary(
    run_id="1", status="failed", data_dir="x", examples={}, quarantined=0, quarantine_csv=None,
    findings=[], findings_page=None, metrics=None, verdict=None, blessed=False, reasons=["why"],
    pushed=None, model_dir=None, report=None, model_card=None, steps=[], seconds=1.0,
)  # fmt: skip
STAGE = {
    f"{name}/{key}": value
    for name in (probe.BATCH, probe.ALONE, probe.EXAMPLES)
    for key, value in {
        "values": np.zeros((2, 2), np.float32),
        "valid": np.ones(2, bool),
        **probe._packed("labels", [b"a", b"b"]),
    }.items()
}


def save_predictions(path: Path) -> None:
    row = {
        "path": b"a", "label": b"a", "label_id": 0, "sha256": DIGEST, "stored_sha256": DIGEST,
        "valid": True, "probabilities": [0.2, 0.8],
    }  # fmt: skip
    about = schema.make(["a", "b"], MODEL, schema.fields(ANSWERS.annotation, ANSWERS.answer))
    schema.write(str(path), about, pa.Table.from_pylist([row], about).to_batches())


def save_answers(path: Path) -> None:
    about = schema.make(["a"], MODEL, answering.fields(ANSWERS))
    row = {"path": b"a", "valid": False, "reason": "empty", "probabilities": [0.0]}
    schema.write(str(path), about, pa.Table.from_pylist([row], about).to_batches())


def save_correction(path: Path) -> None:
    path.unlink(missing_ok=True)
    decisions.Log(path).append([CORRECTION])


def save_features(path: Path) -> Path:
    made = store.Store(path, (4,))
    made.add([b"key"], np.ones((1, 4), np.float32))
    made.flush()
    return next(path.glob("*.json"))


def save_checkpoint(path: Path) -> None:
    position = checkpoint.Position(1, 2, False, {"loss": [0.5]})
    checkpoint.Checkpoint(path).save(position, {"model": [np.zeros(3)]})


def save_state(folder: Path) -> Path:
    found = state.Store(folder)
    found.save(state.State(releases={"7": "2031-05-04T12:00:00Z"}, mean_scores={"7": 0.9}))
    return folder / state.STATE_FILE


def save_histogram(path: Path) -> None:
    path.write_bytes(value_range.histogram_to_bytes(value_range.histogram(np.arange(9.0))))


def read_scores(path: Path) -> Any:
    now = state.datetime.datetime(2031, 5, 4, tzinfo=state.datetime.timezone.utc)
    return confidence.read(path, now.replace(year=2030), now)


def remembered(path: Path) -> Any:
    memory = new_images.Memory(path.parent, path.parent, None, 1)
    return memory.new([new_images.folder.ImageFile("a", ("cat",), None, 7, 12345)])


def taken(content: bytes) -> Any:
    one = object.__new__(decoder_pool._Decoder)
    one.buffer, one.ready, one.requests = bytearray(content), True, [None]
    answers: list[Any] = []
    one.requests = types.SimpleNamespace(popleft=lambda: None)
    one._take(answers)
    return answers


def answered(content: bytes) -> Any:
    asked = client.Client.__new__(client.Client)
    asked.url = "http://host"
    return asked._understood(content, dict)


def refused(content: bytes) -> Any:
    response = types.SimpleNamespace(body=content, status=500, headers={})
    return transport.error(response, "http://host")


TENSOR = {"name": "x", "datatype": "FP32", "shape": [1, 2], "parameters": {"binary_data_size": 8}}
ANSWER = json.dumps({"model_version": "1", "outputs": [TENSOR]}).encode()

COCO_OUTLINE = {
    "images": [{"id": 1, "file_name": "a.jpg", "width": 8, "height": 8}],
    "annotations": [
        {"image_id": 1, "category_id": 1, "segmentation": [[1, 1, 5, 1, 5, 5]]},
        {"image_id": 1, "category_id": 1, "iscrowd": 1,
         "segmentation": {"size": [8, 8], "counts": [3, 5, 56]}},
    ],
    "categories": [{"id": 1, "name": "cat"}],
}  # fmt: skip
MASK = work.Made(b"\x89PNG\r\n\x1a\n...", work.Facts({0: 5, 2: 1}, 3, 0.0, False, True))
DRAWN = {
    "type": "polygonlabels",
    "value": {"points": [[1, 1], [9, 1], [9, 9]], "polygonlabels": ["cat"]},
}
OUTLINES = {"id": 1, "data": {"image": "a.jpg"}, "annotations": [{"result": [DRAWN]}]}
COCO_BOX = {
    "images": [{"id": 1, "file_name": "a.jpg", "width": 8, "height": 8}],
    "annotations": [{"image_id": 1, "category_id": 1, "bbox": [1, 1, 5, 5]}],
    "categories": [{"id": 1, "name": "cat"}],
}
BOXED = {
    "type": "rectanglelabels",
    "original_width": 8,
    "original_height": 8,
    "value": {"x": 1, "y": 1, "width": 9, "height": 9, "rectanglelabels": ["cat"]},
}
BOXES = {"id": 1, "data": {"image": "a.jpg"}, "annotations": [{"result": [BOXED]}]}
GIVEN = given.Given("a.xml", (given.Box("cat", (1.0, 1.0, 5.0, 5.0), "line 1"),))
CORRECTION = decisions.Decision(
    "a.png", DIGEST, ("a",), ("b",), "ada", "2031-05-01T09:30:00Z", "", decisions.Action.RELABEL
)
CASES = {
    "embeddings of a review": Reader(
        "pipeline/review/embeddings.py:_Kept.__init__",
        saved(
            "review/pets/embeddings-3.npz",
            lambda path: np.savez(path, sha256=[DIGEST], embedding=np.ones((1, 4), np.float32)),
        ),
        lambda path: embeddings._Kept(
            types.SimpleNamespace(output_dir=path.parents[2], name="pets"),
            types.SimpleNamespace(version=3),
        ),
        refuses=False,
    ),
    "decision that a page sends": Reader(
        "pipeline/review/server.py:Server._decide",
        written("request", '{"queue": "labels", "place": 0, "action": "keep"}'),
        text(lambda content: read_back.from_json(content, "request", asked.Decision)),
        named=False,
    ),
    "corrections": Reader(
        "data/corrections/decisions.py:Log.read",
        saved("pets.csv", save_correction),
        lambda path: decisions.Log(path).read(),
    ),
    "corrections that are added to": Reader(
        "data/corrections/decisions.py:Log._changing",
        saved("pets.csv", save_correction),
        lambda path: decisions.Log(path).append([CORRECTION]),
        refuses=False,
    ),
    "labels in a correction": Reader(
        "data/corrections/decisions.py:parse_labels",
        written("labels", '["a", "b"]'),
        text(lambda content: decisions.parse_labels(content.decode())),
        refuses=False,
        named=False,
        raises=(errors.PipelineError, ValueError),
    ),
    "boxes of COCO": Reader(
        "data/boxes/files.py:Files.json",
        beside_image("instances.json", json.dumps(COCO_BOX)),
        boxes_of,
        refuses=False,
        named=False,
    ),
    "boxes of Label Studio": Reader(
        "data/boxes/files.py:Files.json",
        beside_image("export.json", json.dumps([BOXES])),
        boxes_of,
        refuses=False,
        named=False,
    ),
    "boxes of YOLO": Reader(
        "data/boxes/files.py:Files.yaml",
        yolo_box,
        boxes_of,
        refuses=False,
        named=False,
        depth=500,
    ),
    "table of boxes": Reader(
        "data/boxes/table.py:_table",
        beside_image("boxes.csv", "file_name,xmin,ymin,xmax,ymax,label\na.jpg,1,1,5,5,cat\n"),
        boxes_of,
        refuses=False,
        named=False,
    ),
    "boxes of an image": Reader(
        "data/boxes/given.py:Given.from_json",
        written("given.json", GIVEN.to_json()),
        lambda path: given.Given.from_json(path.read_text("utf-8", "replace")),
        named=False,
    ),
    "classes of masks": Reader(
        "data/masks/class_list.py:_csv",
        beside_image("classes.csv", "name,value\ncat,1\ndog,2\n"),
        classes_of,
        refuses=False,
        named=False,
    ),
    "outlines of COCO": Reader(
        "data/masks/polygon_files.py:_json",
        beside_image("instances.json", json.dumps(COCO_OUTLINE)),
        masks_of,
        refuses=False,
        named=False,
    ),
    "outlines of Label Studio": Reader(
        "data/masks/polygon_files.py:_json",
        beside_image("export.json", json.dumps([OUTLINES])),
        masks_of,
        refuses=False,
        named=False,
    ),
    "classes of YOLO": Reader(
        "data/masks/polygon_files.py:yolo",
        beside_image("data.yaml", "names: {0: cat, 1: dog}"),
        masks_of,
        refuses=False,
        named=False,
        depth=500,
    ),
    "converted mask": Reader(
        "data/masks/mask_store.py:facts data/masks/mask_store.py:encoded",
        saved("mask", lambda path: mask_store.write(path, MASK)),
        lambda path: (mask_store.facts(path), mask_store.encoded(path)),
    ),
    "label map": Reader(
        "data/splits/labels.py:load data/splits/labels.py:from_json",
        saved("labels.json", lambda path: labels.save(path, ["a", "b"])),
        labels.load,
    ),
    "label map of an artifact": Reader(
        "data/examples/examples_artifact.py:read_labels",
        saved("labels.json", lambda path: examples_artifact.write_labels(str(path.parent), ["a"])),
        parent(examples_artifact.read_labels),
    ),
    "ledger": Reader(
        "data/splits/split.py:load_ledger",
        saved("splits.csv", lambda path: split.save_ledger(path, {DIGEST: "test"})),
        split.load_ledger,
    ),
    "index": Reader(
        "data/splits/file_index.py:load",
        saved(
            file_index.INDEX_FILE, lambda path: file_index.save(path.parent, [index_rows.row("a")])
        ),
        parent(file_index.load),
        refuses=False,
    ),
    "catalog": Reader(
        "data/examples/catalog.py:read_shard",
        saved(
            "train-00000-of-00001.jsonl",
            lambda path: catalog.write_shard(
                str(path), [catalog.Image("a", ("cat",), "train", 0, DIGEST, None, index_rows.INFO)]
            ),
        ),
        lambda path: catalog.read_shard(str(path)),
        # A shard without an image has an empty list.
    ),
    "answer of a decoder": Reader(
        "data/images/decoder_pool.py:_Decoder._take",
        written("x", b'{"sha256": "", "reason": "damaged", "detail": "", "lengths": [0, 0]}\n'),
        text(taken),
        refuses=False,  # half a line may become a whole one
        named=False,
    ),
    "predictions": Reader(
        "tasks/predictions/schema.py:read_batches tasks/predictions/schema.py:read_schema"
        " tasks/predictions/schema.py:labels_of tasks/predictions/schema.py:about_of",
        saved("Split-test/predictions-00000-of-00001.parquet", save_predictions),
        lambda path: predictions.Predictions.read(str(path.parent.parent), "test"),
    ),
    "number of predictions": Reader(
        "tasks/predictions/schema.py:count",
        saved("Split-test/predictions-00000-of-00001.parquet", save_predictions),
        lambda path: schema.count(str(path.parent.parent), "test"),
    ),
    "kept answers": Reader(
        "components/predict/cache.py:Cache.find",
        saved(f"{MODEL}/answers.parquet", save_predictions),
        lambda path: cache.Cache(path.parent.parent, MODEL, ANSWERS.answer).find({DIGEST}),
        refuses=False,
    ),
    "part of answers": Reader(
        "components/predict/user_files/answering.py:is_done",
        saved("part.parquet", save_predictions),
        lambda path: answering.is_done(listing.Chunk("", "", (None,), str(path))),
        refuses=False,
    ),
    "parts of answers": Reader(
        "components/predict/user_files/tables.py:write components/predict/user_files/tables.py:_parquet",
        saved("part.parquet", save_answers),
        lambda path: answer_tables.write(path.with_name("answers.parquet"), [str(path)], ANSWERS),
    ),
    "evaluation": Reader(
        "tasks/result.py:Result.from_json",
        written("x", RESULT.to_json()),
        text(evaluation.Result.from_json),
        named=False,
    ),
    "report of an ingest": Reader(
        "data/examples/examples_artifact.py:_read_report",
        saved(
            examples_artifact.REPORT_FILE,
            lambda path: examples_artifact.write_report(str(path.parent), REPORT),
        ),
        parent(examples_artifact.read_report),
    ),
    "report of an ingest as text": Reader(
        "data/examples/ingest_report.py:Report.from_json",
        written("x", REPORT.to_json()),
        text(ingest_report.Report.from_json),
        named=False,
    ),
    "findings": Reader(
        "components/image_validator/findings.py:read"
        " components/image_validator/findings.py:from_json",
        written(findings.FINDINGS_FILE, findings.to_json(FINDINGS)),
        parent(findings.read),
        named=False,
    ),
    "trial": Reader(
        "components/infra_validator/trial.py:Trial.read",
        saved(trial.FILE, lambda path: trial.Trial(True, "It serves.").write(str(path.parent))),
        parent(trial.Trial.read),
    ),
    "trial by the gate's server": Reader(
        "components/release_gate/parity/server_trial.py:Record.read",
        saved(server_trial.FILE, lambda path: RECORD.write(str(path.parent))),
        parent(server_trial.Record.read),
    ),
    "spec": Reader(
        "components/preprocess/materialise.py:Spec.read",
        written(materialise.SPEC_FILE, SPEC.to_json()),
        parent(materialise.Spec.read),
    ),
    "decision": Reader(
        "components/release_gate/decision.py:Decision.read"
        " components/release_gate/decision.py:Decision.from_json",
        saved(decision.FILE, lambda path: DECISION.write(str(path.parent))),
        parent(decision.Decision.read),
        named=False,
    ),
    "measurements": Reader(
        "components/release_gate/gate.py:Measured.read",
        written(
            gate.MEASURED_FILE,
            json.dumps(dataclasses.asdict(gate.Measured(differences.Parity(measured=MEASURED)))),
        ),
        parent(gate.Measured.read),
    ),
    "answers of the probe": Reader(
        "components/release_gate/parity/probe.py:_called",
        saved("answer.npz", lambda path: np.savez(path, **STAGE)),
        lambda path: read_arrays.arrays(path, "answer", probe._unpacked_stages),
    ),
    "costs of the probe": Reader(
        "components/release_gate/parity/probe.py:_called",
        saved("answer.npz", lambda path: np.savez(path, **dataclasses.asdict(MEASURED))),
        lambda path: read_arrays.arrays(path, "answer", probe._unpacked_measured),
    ),
    "request to the probe": Reader(
        "components/release_gate/parity/probe.py:main",
        saved(
            "request.npz",
            lambda path: np.savez(
                path,
                model_dir="x",
                **probe._packed("images", [b"a"]),
                **probe._packed("examples", [b"b"]),
            ),
        ),
        lambda path: read_arrays.arrays(path, "request", probe._unpacked_request),
    ),
    "address of a server": Reader(
        "components/release_gate/parity/server_process.py:Starting.address",
        written("address.json", '{"http": "http://127.0.0.1:8000/", "model": "m"}'),
        lambda path: server_process.read_back.json_file(path, "address", server_process._address),
    ),
    "contract": Reader(
        "components/trainer/contract.py:read components/release_gate/parity/training_stage.py:spec_of",
        written("assets/contract.json", json.dumps(CONTRACT)),
        lambda path: training_stage.spec_of(contract.read(path.parent.parent)),
        named=False,
    ),
    "file of a step": Reader(
        "components/report/build.py:_text",
        written("history.json", HISTORY.to_json()),
        lambda path: history.History.from_json(build._text(str(path.parent), path.name)),
        named=False,
    ),
    "history of a training": Reader(
        "components/trainer/history.py:History.from_json",
        written("x", HISTORY.to_json()),
        text(history.History.from_json),
        named=False,
    ),
    "checkpoint": Reader(
        "components/trainer/loop/checkpoint.py:Checkpoint.load components/trainer/loop/checkpoint.py:_state",
        saved("phase.npz", save_checkpoint),
        lambda path: checkpoint.Checkpoint(path).load(),
        refuses=False,
    ),
    "exports": Reader(
        "components/trainer/exports/exports_file.py:read",
        written(
            str(exports_file.FOLDER / exports_file.FILE),
            '{"exports": [{"format": "onnx", "file": "model.onnx", "size_bytes": 1, "sha256": "a"}]}',
        ),
        lambda path: exports_file.read(path.parent.parent.parent),
    ),
    "weights of a model": Reader(
        "components/trainer/network/stored.py:read",
        saved("model.keras", lambda path: keras_archive.save(network(), path)),
        lambda path: stored.read(path, "cnn_separable", SPEC),
    ),
    "pixels for an export": Reader(
        "components/trainer/exports/runtime.py:ask components/trainer/exports/runtime.py:main"
        " components/trainer/exports/tflite_converter.py:main",
        saved("pixels.npy", lambda path: np.save(path, np.zeros((2, 4), np.uint8))),
        lambda path: read_arrays.array(path, "pixels"),
    ),
    "features": Reader(
        "components/trainer/features/store.py:Store._open",
        lambda folder: save_features(folder),
        lambda path: store.Store(path.parent, (4,)),
        refuses=False,
    ),
    "rows of features": Reader(
        "components/trainer/features/store.py:Store._open",
        lambda folder: save_features(folder).with_suffix(".npy"),
        lambda path: store.Store(path.parent, (4,)),
        refuses=False,
    ),
    "state of the schedule": Reader(
        "pipeline/scheduled/state.py:Store.load",
        save_state,
        lambda path: state.Store(path.parent).load(),
    ),
    "history of the schedule": Reader(
        "pipeline/scheduled/state.py:Store.history",
        written(state.HISTORY_FILE, '{"decision": "first"}\n{"decision": "drift"}\n'),
        lambda path: state.Store(path.parent).history(),
        refuses=False,
    ),
    "scores": Reader(
        "pipeline/scheduled/confidence.py:read",
        written("scores.jsonl", '{"time": "2030-05-04T12:00:00Z", "score": 0.5}\n'),
        read_scores,
        refuses=False,
    ),
    "answer on embeddings": Reader(
        "pipeline/scheduled/drifting.py:embedding",
        written("x", '{"discrepancy": 0.1, "chance": 0.01}'),
        text(lambda given: drifting.read_back.from_json(given, "answer", drifting._answer)),
        named=False,
    ),
    "files of the last run": Reader(
        "pipeline/scheduled/new_images.py:Memory.new",
        saved(new_images.FILES_FILE, lambda path: np.save(path, np.arange(3, dtype=np.uint64))),
        remembered,
    ),
    "histogram": Reader(
        "components/image_example_gen/first_pass.py:Workspace.read_histogram",
        saved("histograms/ab/" + DIGEST, save_histogram),
        lambda path: first_pass.Workspace.read_histogram(
            types.SimpleNamespace(histogram=lambda _: path), DIGEST
        ),
        refuses=False,  # it has no checksum
    ),
    "settings": Reader(
        "pipeline/settings/setting_sources.py:_read_yaml",
        written("retrain.yaml", "data_dir: x\nschedule: {poll_s: 60}\n"),
        lambda path: setting_sources.read(
            config.RetrainConfig,
            ["--config", str(path), "--data-dir", "y"],
            prog="",
            usage="",
            description="",
        ),
        refuses=False,  # an empty file sets nothing
        depth=500,
        named=False,
    ),
    "settings of a run": Reader(
        "pipeline/history/lineage.py:settings",
        written("runs/1/config.yaml", "seed: 1\ntrain: {epochs: 3}\n"),
        lambda path: lineage.settings(path.parent.parent.parent, "1"),
        depth=500,
        refuses=False,
    ),
    "summary": Reader(
        "pipeline/outcome/summary.py:read",
        saved("summary.json", SUMMARY.write),
        summary.read,
        refuses=False,
    ),
    "training of a step": Reader(
        "pipeline/outcome/step_lines.py:_train",
        written(history.FILE, HISTORY.to_json()),
        lambda path: step_lines._train(step_with("model_run")(path)),
        named=False,
    ),
    "results of the tuner": Reader(
        "pipeline/outcome/step_lines.py:_tune",
        written(step_lines.TUNER_RESULTS_FILE, '[{"score": 0.5, "trial_id": "1", "rate": 0.1}]'),
        lambda path: step_lines._tune(step_with("tuner_results")(path)),
    ),
    "lock": Reader(
        "pipeline/run/lock.py:_holder",
        written(".lock", '{"run_id": "1", "pid": 1, "host": "h", "started": "2031"}'),
        lambda path: str(lock._holder(path)),
        refuses=False,
    ),
    "property in ML Metadata": Reader(
        "pipeline/history/mlmd.py:_plain",
        written("x", '{"a": "[1, 2]"}'),
        text(lambda given: mlmd._plain(given.decode(errors="replace"))),
        refuses=False,
        named=False,
    ),
    "property of an execution": Reader(
        "pipeline/run/rerun_reasons.py:_parsed",
        written("x", '{"a": [1, 2]}'),
        text(lambda given: rerun_reasons._parsed(given.decode(errors="replace"))),
        refuses=False,
        named=False,
    ),
    "argument from Kubeflow": Reader(
        "pipeline/kubeflow/entrypoint.py:_given",
        written("x", '{"a": [1, 2]}'),
        text(entrypoint._given),
        named=False,
    ),
    "type from Kubeflow": Reader(
        "pipeline/kubeflow/executor_input.py:_title",
        written("x", "title: Examples\n"),
        text(
            lambda given: executor_input._title(
                {"type": {"instanceSchema": given.decode(errors="replace")}}
            )
        ),
        depth=500,
        refuses=False,
        named=False,
    ),
    "answer of Kubeflow's client": Reader(
        "pipeline/kubeflow/submit.py:ask",
        written("x", '{"id": "1", "url": "http://host"}'),
        text(lambda given: submit.read_back.from_json(given, "answer", submit._answer)),
        named=False,
    ),
    "token for Kubeflow": Reader(
        "pipeline/kubeflow/submit.py:_environment",
        written("token", "secret"),
        lambda path: submit._environment(types.SimpleNamespace(token_file=path)),
        refuses=False,  # any text may be a token
    ),
    "answer of a server": Reader(
        "serving/client/client.py:Client._understood",
        written("x", json.dumps(CONTRACT)),
        text(answered),
        named=False,
        raises=(serving_errors.FaultError,),
    ),
    "labels of an answer": Reader(
        "serving/client/predicted.py:names",
        written("x", '["cat", "dog"]'),
        lambda path: predicted.names(path.read_bytes()),
        named=False,
        raises=(ValueError,),
    ),
    "error of a server": Reader(
        "serving/client/transport.py:error",
        written("x", '{"error": "why"}'),
        text(refused),
        refuses=False,
        named=False,
    ),
    "error of Triton": Reader(
        "serving/gateway/upstream.py:failure",
        written("x", '{"error": "why"}'),
        text(lambda given: upstream.failure(500, given)),
        refuses=False,
        named=False,
    ),
    "contract of a local model": Reader(
        "serving/client/in_process.py:Model.labels",
        written("assets/contract.json", json.dumps(CONTRACT)),
        lambda path: in_process.Model.labels(types.SimpleNamespace(path=path.parent.parent)),
        raises=(serving_errors.UserError,),
    ),
    "manifest as CSV": Reader(
        "data/sources/formats/delimited.py:Delimited.opened"
        " data/sources/formats/delimited.py:_delimiter.worth",
        beside_image("m.csv", "file_name,label\na.jpg,cat\n"),
        rows_of,
    ),
    "manifest as JSON lines": Reader(
        "data/sources/formats/json_lines.py:JsonLines.opened"
        " data/sources/formats/json_lines.py:JsonLines.opened.rows",
        beside_image("m.jsonl", '{"file_name": "a.jpg", "label": "cat"}\n'),
        rows_of,
    ),
    "manifest as Parquet": Reader(
        "data/sources/formats/parquet.py:Parquet.opened",
        beside_image("m.parquet", parquet_of({"file_name": ["a.jpg"], "label": ["cat"]})),
        rows_of,
    ),
    "export of Label Studio": Reader(
        "data/sources/formats/label_studio.py:LabelStudioJson.opened",
        beside_image("m.json", json.dumps([LABEL_STUDIO])),
        rows_of,
    ),
    "export of Label Studio as CSV": Reader(
        "data/sources/formats/label_studio.py:LabelStudioCsv.opened"
        " data/sources/formats/label_studio.py:_plain",
        beside_image("m.csv", "image,choice,annotation_id,lead_time\na.jpg,cat,1,2\n"),
        rows_of,
    ),
    "export as COCO": Reader(
        "data/sources/formats/coco.py:Coco.opened",
        beside_image("m.json", json.dumps(COCO)),
        rows_of,
    ),
    "contract in a table": Reader(
        "serving/tables.py:_classes",
        written("assets/contract.json", json.dumps(CONTRACT)),
        lambda path: tables._classes(path.parent.parent),
        refuses=False,
    ),
    "answer with tensors": Reader(
        "serving/client/protocol.py:_head",
        written("x", ANSWER + b"\0" * 8),
        text(lambda given: protocol.answer(given, len(ANSWER))),
        refuses=False,
        named=False,
        raises=(KeyError, TypeError, ValueError, protocol.struct.error),
    ),
}

# Read elsewhere, by what is named here.
EXPLAINED = {
    "pipeline/kubeflow/entrypoint.py:run": "tests/pipeline/kubeflow: the output of an executor",
    "pipeline/kubeflow/entrypoint.py:_run_tfx": "tests/pipeline/kubeflow: the output of a driver",
    "serving/gateway/page.py:Page._contract": "asks the server that the gateway itself started",
    "serving/gateway/upstream.py:Upstream.entries": "asks the server that the gateway itself started",
}


def mutations(content: bytes, depth: int) -> Iterator[tuple[str, bytes]]:
    """What becomes of files, by name; None of it is what was written."""
    yield "empty", b""
    yield "zeros", b"\0" * len(content)
    yield "zeros at the end", content[: len(content) // 2] + b"\0" * (len(content) // 2)
    yield "torn", content[: len(content) // 2]
    yield "lists without end", b"[" * depth
    yield "objects without end", b'{"a":' * depth
    yield "closed lists", b"[" * depth + b"]" * depth
    yield "picture", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0"
    yield "no UTF-8", b"\xff\xfe" + content
    yield "archive", b"PK\x05\x06" + b"\0" * 18
    yield "number", b"9" * 5000
    for value in (
        "null",
        "true",
        "5",
        "1e999",
        '"text"',
        "[]",
        "{}",
        "[null]",
        '{"a": null}',
        "[[]]",
    ):
        yield value, value.encode()


def other_values(content: bytes, count: int = 60) -> Iterator[tuple[str, bytes]]:
    """JSON of which one value is of another type, or is missing: some of all there are."""
    try:
        whole = [json.loads(line) for line in content.splitlines()] if b"}\n{" in content else None
        whole = whole or json.loads(content)
    except ValueError:
        return
    found = []
    for path in places(whole):
        for value in (None, "x", "\udcff", -1, 2**70, float("nan"), [], {}, [[1]], "absent"):
            found.append((path, value))
    for path, value in random.Random(0).sample(  # noqa: S311
        found, min(count, len(found))
    ):
        changed = json.loads(json.dumps(whole))
        inner = changed
        for key in path[:-1]:
            inner = inner[key]
        if value == "absent":
            del inner[path[-1]]
        else:
            inner[path[-1]] = value
        yield f"{path} {value!r}", json.dumps(changed).encode()


def places(value: Any, path: tuple = ()) -> Iterator[tuple]:
    entries = value.items() if isinstance(value, dict) else enumerate(value)
    for key, inner in entries:
        yield (*path, key)
        if isinstance(inner, dict | list):
            yield from places(inner, (*path, key))


def outcome(reader: Reader, path: Path) -> Exception | None:
    try:
        reader.read(path)
    except reader.raises as error:
        return error
    return None


@pytest.mark.parametrize("name", CASES)
def test_a_reader_survives_whatever_became_of_its_file(name, tmp_path):
    reader = CASES[name]
    path = reader.write(tmp_path)
    content = path.read_bytes()
    assert outcome(reader, path) is None
    for kind, changed in [*mutations(content, reader.depth), *other_values(content)]:
        reader.write(tmp_path)
        path.write_bytes(changed)
        error = outcome(reader, path)
        if reader.refuses and kind in ("zeros", "torn", "lists without end", "picture"):
            assert error is not None, f"{kind} was taken"
        if error is not None:
            assert not any("\n" in one for one in getattr(error, "problems", [str(error)])), kind
            assert not reader.named or str(path.name) in str(error), (kind, error)


@pytest.mark.parametrize("name", [name for name, one in CASES.items() if one.named])
def test_a_reader_opens_nothing_but_files_of_bounded_size(name, tmp_path):
    """A pipe is not waited for, and what is too large is not read into memory."""
    reader = CASES[name]
    path = reader.write(tmp_path)
    path.unlink()
    os.mkfifo(path)
    error = outcome(reader, path)
    assert error is not None or not reader.refuses
    with contextlib.suppress(FileNotFoundError):
        path.unlink()
    reader.write(tmp_path)
    os.truncate(path, 40 << 30)
    error = outcome(reader, path)
    assert error is not None or not reader.refuses


def functions_with(found: Callable[[ast.AST], bool], path: Path) -> Iterator[str]:
    def walk(node: ast.AST, name: str) -> Iterator[str]:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                yield from walk(child, f"{name}.{child.name}" if name else child.name)
            else:
                if found(child):
                    yield f"{path.relative_to(ROOT).as_posix()}:{name}"
                yield from walk(child, name)

    return walk(ast.parse(path.read_text()), "")


def sources() -> list[Path]:
    return [
        path
        for package in PACKAGES
        for path in sorted((ROOT / package).rglob("*.py"))
        if path.stem not in READERS
    ]


READING = {
    "array", "arrays", "content", "csv_rows", "file", "from_json", "from_yaml", "json_file", "lines",
    "opened", "parse", "text", "yaml_file",
}  # fmt: skip


def reads_back(node: ast.AST) -> bool:
    return (
        isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id in READERS
        and node.attr in READING
    )


def test_every_reader_is_in_the_table():
    found = {name for path in sources() for name in functions_with(reads_back, path)}
    covered = {name for reader in CASES.values() for name in reader.covers.split()}
    # What goes through `reading` alone is covered too.
    assert found - covered - EXPLAINED.keys() == set()
    assert EXPLAINED.keys() - found == set()


# Parsers may be called in the reader modules alone, and here, for a reason.
ALLOWED = {
    "components/pusher/executor.py": "its own setting, out of the run's own request",
    "components/trainer/backbones/torch_weights.py": "bytes under a digest; pickles of its own reader",
    "components/trainer/exports/exports_file.py": "a file just written, for its digest",
    "components/trainer/exports/network.py": "a file just written, for its digest",
    "components/release_gate/parity/export_parity.py": "bytes under a digest, not parsed",
    "components/release_gate/parity/probe.py": "of the kernel",
    "components/release_gate/parity/server_process.py": "a log, any bytes",
    "components/report/templates.py": "the project's own sources",
    "components/image_example_gen/first_pass.py": "of the process that listed the data",
    "components/image_example_gen/second_pass.py": "an image that a decoder made, under its digest",
    "data/masks/shapes.py": "of the process that listed the data",
    "data/images/decoder_process.py": "of the process that started this one",
    "pipeline/scheduled/webhook_process.py": "of the process that started this one",
    "data/fresh_process.py": "of the process that started this one",
    "pipeline/scheduled/embedding_process.py": "of the process that started this one",
    "pipeline/review/server.py": "the project's own page",
    "pipeline/wiring/code_fingerprint.py": "the project's own sources",
    "pipeline/kubeflow/client.py": "a program of its own, of the process that started it",
    "serving/gateway/page.py": "the project's own page",
    "serving/gateway/json_body.py": "the reader of requests",
    "serving/triton/model.py": "what the gateway and the server wrote for it",
    "serving/triton/process.py": "of the kernel, and a log of any bytes",
    "serving/triton/runtimes.py": "what the server's own worker wrote into its private folder",
}
PARSERS = {
    "csv": {"reader", "DictReader"},
    "json": {"load", "loads"},
    "np": {"load", "loadtxt", "genfromtxt", "fromfile"},
    "pickle": {"load", "loads"},
    "pq": {"ParquetFile", "read_table"},
    "yaml": {"load", "safe_load"},
}


def parses(node: ast.AST) -> bool:
    if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
        return False
    module = node.func.value.id if isinstance(node.func.value, ast.Name) else ""
    name = node.func.attr
    return name in PARSERS.get(module, ()) or name in ("read_text", "read_bytes")


def test_nothing_is_parsed_but_in_the_readers():
    found = {
        path.relative_to(ROOT).as_posix()
        for path in sources()
        if any(parses(node) for node in ast.walk(ast.parse(path.read_text())))
    }
    assert found - ALLOWED.keys() == set()
    assert ALLOWED.keys() - found == set()
