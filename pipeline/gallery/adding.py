"""Makes a version whose gallery has further images; everything else of it stays as it is.

Dimension letters: N images, D dimensions of a vector.
"""

import contextlib
import dataclasses
import json
import os
import shutil
import tempfile
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from components.predict import exported_model
from components.predict.user_files import answering, listing
from components.release_gate.parity import parity, parity_images
from components.trainer import contract as trained_contract
from data import errors
from data.files import read_back
from tasks.predictions import schema
from tasks.retrieval import gallery as galleries
from tasks.retrieval import health, structure

_CONTRACT = Path("assets") / trained_contract.FILE


@dataclass
class Added:
    """What became of the files of a folder.

    Attributes:
      added: images that are new in the gallery.
      copies: files that the gallery has already, or that are there twice, by content.
      unlabelled: added images whose folder is no class of the model, if it has any.
      bad: reason → files that are no usable images.
      images: of the whole gallery, afterwards.
    """

    added: int = 0
    copies: int = 0
    unlabelled: int = 0
    bad: Counter[str] = field(default_factory=Counter)
    images: int = 0


def read(version: Path) -> tuple[dict[str, Any], galleries.Gallery]:
    """Reads the contract and the gallery of a version.

    Raises:
      errors.UserError: the model has no gallery.
      errors.PipelineError: they cannot be read, or the gallery was made by another network.
    """
    contract = trained_contract.read(version)
    stated = contract.get("gallery")
    if not isinstance(stated, dict):
        raise errors.UserError(
            f"{version} is a model of the task {contract['task']}, which searches no gallery."
        )
    with read_back.reading(f"contract of {version}"):
        made_by = str(stated["made_by"])
    gallery, _, now = galleries.read(version, made_by)
    if now != made_by:
        raise errors.PipelineError(
            f"The gallery of {version} was made by the network {made_by[:12]}, and the version holds"
            f" {now[:12]}: the gallery is stale, and nothing can be added to it. Run the pipeline again."
        )
    return contract, gallery


def embedded(
    version: Path, folder: Path, gallery: galleries.Gallery, decoders: int = 1
) -> tuple[galleries.Gallery, Added]:
    """Embeds the images of a folder that a gallery lacks, with the version that it belongs to.

    Args:
      version: the folder with saved_model.pb.
      folder: images, in a folder for each class or not; it is only read.
      gallery: of that version.
      decoders: number of processes that decode images.

    Raises:
      errors.UserError: there are no files.
    """
    listed = listing.scan([folder])
    if not listed.count:
        raise errors.UserError(f"There is no file in {folder}.")
    model = exported_model.Model(version)
    known, told = set(gallery.digests), Added()
    rows: list[tuple[np.ndarray, int, str, str]] = []
    with (
        tempfile.TemporaryDirectory() as scratch,
        contextlib.closing(answering.Answerer(model, decoders)) as answerer,
    ):
        for chunk in listing.chunks(listed, Path(scratch), answering.settings(model)):
            answerer.answer(chunk)
            columns = (schema.SHA256, schema.VALID, answering.REASON, galleries.VECTOR)
            found = [
                row
                for batch in schema.read_batches([chunk.part], columns)
                for row in batch.to_pylist()
            ]
            for file, row in zip(chunk.files, found, strict=True):
                vector = np.array(row[galleries.VECTOR] or [], np.float32)
                if not row[schema.VALID]:
                    told.bad[row[answering.REASON]] += 1
                elif row[schema.SHA256] in known:
                    told.copies += 1
                elif not health.is_good(vector[None])[0]:
                    told.bad["no_vector"] += 1
                else:
                    known.add(row[schema.SHA256])
                    label_id = _label(file.path, model.labels)
                    told.unlabelled += bool(model.labels) and label_id == galleries.UNKNOWN
                    path = os.path.join(folder.resolve().name, file.path)
                    rows.append((vector, label_id, path, row[schema.SHA256]))
    told.added = len(rows)
    return _gallery(rows, gallery), told


def _label(path: str, labels: list[str]) -> int:
    name = path.split(os.sep)[0] if os.sep in path else ""
    return labels.index(name) if name in labels else galleries.UNKNOWN


def _gallery(
    rows: list[tuple[np.ndarray, int, str, str]], like: galleries.Gallery
) -> galleries.Gallery:
    vectors = np.stack([row[0] for row in rows]) if rows else like.vectors[:0]
    return galleries.Gallery(
        vectors,
        np.array([row[1] for row in rows], np.int32),
        [row[2] for row in rows],
        [row[3] for row in rows],
        like.made_by,
    )


def write(version: Path, target: Path, gallery: galleries.Gallery) -> None:
    """Writes a version with another gallery.

    Args:
      version: the folder with saved_model.pb.
      target: a folder that is not there yet.
      gallery: by the same network.
    """
    shutil.copytree(version, target)
    galleries.extended(version, target, gallery)
    contract = trained_contract.read(version)
    spoiled = health.measure(gallery.vectors, gallery.paths)
    found = structure.measure(gallery.vectors, gallery.paths)
    contract["gallery"] |= {
        "images": len(gallery),
        "per_class": gallery.counts(len(contract["labels"])).tolist(),
        "health": dataclasses.asdict(spoiled),
        "structure": dataclasses.asdict(found),
    }
    text = json.dumps(contract, indent=1, ensure_ascii=False)
    (target / _CONTRACT).write_text(text + "\n", encoding="utf-8")


def checked(keras_file: Path, candidate: Path, tolerance: float, ask_server: bool) -> list[str]:
    """Compares a version with the network that it was exported from, as the release gate does.

    Args:
      keras_file: the network.
      candidate: the folder with saved_model.pb.
      tolerance: the largest allowed difference.
      ask_server: whether a running server is compared too.

    Returns:
      The stages that could not be compared, and why, one sentence each.

    Raises:
      errors.PipelineError: they differ.
    """
    found = parity.check(
        keras_file, candidate, parity_images.images({}), tolerance, ask_server=ask_server
    )
    if not found.ok:
        raise errors.PipelineError(*found.problems)
    return found.left_out
