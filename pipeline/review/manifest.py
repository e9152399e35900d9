"""Corrections as a manifest: all images with their labels now, to train on or to edit elsewhere."""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from data import errors, formats
from data.corrections.decisions import Action, Decision, now
from data.examples import catalog
from data.files import atomic, spreadsheet
from data.sources import by_manifest, label_cells, label_source
from data.sources import config as label_config
from pipeline.review.project import Project

SUFFIXES = (".csv", ".jsonl")


@dataclass(frozen=True)
class Exported:
    """What was exported.

    Attributes:
      images: number of rows.
      changed: how many of them have other labels than the data folder gives them.
      dropped: number of images that are left out, those that the last run left out too.
      needs_separator: whether a label has a character that separates labels.
    """

    images: int
    changed: int
    dropped: int
    needs_separator: bool


@dataclass(frozen=True)
class Imported:
    """What was imported.

    Attributes:
      relabelled, dropped, kept: number of decisions that were added.
      unknown: number of images in the manifest that the last run did not ingest.
    """

    relabelled: int
    dropped: int
    kept: int
    unknown: int


def export(project: Project, path: Path) -> Exported:
    """Writes a manifest of all images that the last run ingested, with their labels now.

    Args:
      project: the images and decisions.
      path: the manifest, CSV or JSON lines by its suffix.

    Raises:
      errors.UserError: the task has no labels of whole images, the path lies in the data folder or has
        another suffix, or CSV cannot hold a label or path.
    """
    _check(project, path)
    found = list(_current(project))
    kept = [(image, labels) for image, labels in found if labels is not None]
    several = project.task.labels_per_image == "any"
    _check_names([(image.path, labels) for image, labels in kept], several and _is_csv(path))
    _write(path, several, ((image.path, labels, image.split) for image, labels in kept))
    applied = project.report.corrections
    given = {one.path: one.old for one in applied.relabelled}
    return Exported(
        images=len(kept),
        changed=sum(
            set(labels) != set(given.get(image.path, image.labels)) for image, labels in kept
        ),
        dropped=applied.dropped + len(found) - len(kept),
        needs_separator=not several
        and _is_csv(path)
        and any(_splits(labels[0]) for _, labels in kept),
    )


def export_new(project: Project, path: Path) -> int:
    """Writes a manifest of the labels that unlabelled images got; returns how many.

    Raises:
      errors.UserError: see :func:`export`.
    """
    _check(project, path)
    newest = {one.sha256: one for one in project.unlabelled_log.read()}
    made = [one for one in newest.values() if one.action is Action.RELABEL]
    several = project.task.labels_per_image == "any"
    _check_names([(one.path, one.new) for one in made], several and _is_csv(path))
    _write(path, several, ((one.path, one.new, None) for one in made))
    return len(made)


def read(
    project: Project,
    path: Path,
    by: str,
    separator: str = label_config.AUTO,
    drops: bool = False,
    adds: bool = False,
) -> Imported:
    """Adds a decision for each image whose labels in a manifest differ from those now.

    Args:
      project: the images and decisions.
      path: the manifest, of any format that a run reads.
      by: who decided.
      separator: see labels.separator.
      drops: whether images that the manifest does not name are dropped.
      adds: whether it may have classes that are new.

    Raises:
      errors.UserError: the task has no labels of whole images, or the manifest cannot be used.
    """
    _check(project)
    asked = label_source.Request(
        project.data_dir,
        labels=label_config.LabelsConfig(file=path.resolve(), separator=separator),
        rule=project.task.label_rule,
    )
    stated = {file.path: file.labels for file in by_manifest.ByManifest().scan(asked).files}
    unknown = sorted({name for labels in stated.values() for name in labels} - set(project.labels))
    if unknown and not adds:
        raise errors.DataError(
            f"{path} has the class {unknown[0]!r}{', …' if len(unknown) > 1 else ''}, which is not one of"
            f" {', '.join(project.labels[:20])}. If it is right, add --new-classes."
        )
    made, when, why = [], now(), f"from {path.name}"
    for image, labels in _current(project):
        wanted = stated.pop(image.path, None)
        if wanted is None and (labels is None or not drops):
            continue
        if wanted is not None and labels is not None and set(wanted) == set(labels):
            continue
        action = Action.DROP if wanted is None else Action.RELABEL
        if wanted is not None and set(wanted) == set(image.labels):
            action = Action.KEEP
        new = wanted if action is Action.RELABEL and wanted is not None else image.labels
        made.append(Decision(image.path, image.sha256, image.labels, new, by, when, why, action))
    if made:
        project.log.append(made)
    counts = {action: sum(one.action is action for one in made) for action in Action}
    return Imported(
        counts[Action.RELABEL], counts[Action.DROP], counts[Action.KEEP], unknown=len(stated)
    )


def _current(project: Project) -> Iterator[tuple[catalog.Image, tuple[str, ...] | None]]:
    """Yields each image with its labels after all decisions; None where it is dropped."""
    corrections = project.corrections()
    for image in project.images:
        said = corrections.of(image.sha256, image.labels)
        yield image, None if said.dropped else said.labels


def _check(project: Project, path: Path | None = None) -> None:
    """Checks that a manifest can state the labels, and that it may be written there."""
    if not project.has_labels and project.task.annotates == "images":
        raise errors.UserError(
            f"The images of {project.name} have no labels that a manifest could state."
        )
    if not project.has_labels:
        raise errors.UserError(
            f"The task {project.task_name} labels {project.task.annotates}; a manifest states labels of"
            " whole images."
        )
    if path is None:
        return
    if path.suffix.lower() not in SUFFIXES:
        raise errors.UserError(f"{path} must end in {' or '.join(SUFFIXES)}.")
    if path.resolve().is_relative_to(project.data_dir.resolve()):
        raise errors.UserError(
            f"{path} lies in the data folder {project.data_dir}, which is never written to."
        )


def _is_csv(path: Path) -> bool:
    return path.suffix.lower() == ".csv"


def _write(
    path: Path, several: bool, rows: Iterable[tuple[str, Sequence[str], str | None]]
) -> None:
    """Writes a manifest of paths, labels and splits; the rows have splits, or none has."""
    with (
        atomic.replacing(path) as temporary,
        temporary.open("w", encoding="utf-8", newline="") as file,
    ):
        put = spreadsheet.exact(file)
        for number, (name, labels, split) in enumerate(rows):
            parts = [] if split is None else [split]
            if _is_csv(path):
                if not number:
                    head = ["file_name", "labels" if several else "label"]
                    put([*head, "split"][: 2 + len(parts)])
                put([name, label_cells.SEPARATORS[0].join(labels), *parts])
                continue
            own: dict[str, object] = {"file_name": name}
            own |= {"labels": list(labels)} if several else {"label": labels[0]}
            own |= {"split": split} if split is not None else {}
            file.write(json.dumps(own, ensure_ascii=False) + "\n")


def _splits(label: str) -> bool:
    return label.startswith("[") or any(one in label for one in label_cells.SEPARATORS)


def _check_names(rows: Sequence[tuple[str, Sequence[str]]], joined: bool) -> None:
    problems = []
    odd = [path for path, _ in rows if not label_cells.is_printable(path)]
    if odd:
        problems.append(
            f"{formats.plural(len(odd), 'image')} with names that no manifest can hold, such as"
            f" {odd[0]!a:.80}; rename them."
        )
    bad = sorted({name for _, labels in rows for name in labels if joined and _splits(name)})
    if bad:
        problems.append(
            f"The class {bad[0]!r} has a character that separates labels in CSV; export to .jsonl."
        )
    if problems:
        raise errors.DataError(*problems)
