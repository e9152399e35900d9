"""Masks in ingest, after the first pass: each mask → class numbers at the size of its image.

The classes that have a pixel in a mask become the labels of its image, so that splits are balanced by them
and every list of images names them.
"""

import dataclasses
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from components.image_example_gen import config as ingest_config
from data import errors, progress
from data.images import decode, decoder_pool, decoder_process
from data.masks import mask_report, mask_store, work
from data.splits import file_index, folder

TASK = "reading masks"
_FILES_A_BUNDLE = 256


@dataclass(frozen=True)
class Task:
    """A mask to convert: its image's file, digest and stored size, and where the result goes."""

    mask: str
    image: str
    size: tuple[int, int]
    path: str
    shapes: str = ""


@dataclass(frozen=True)
class Bundle:
    """Tasks for one worker; Beam would take a plain list apart."""

    tasks: Sequence[Task]


def rules(job: ingest_config.IngestJob) -> work.Rules:
    """Returns how the masks of an ingest are converted."""
    if job.masks is None:
        raise errors.PipelineError("The ingest job has images with masks, and no encoding of them.")
    return work.Rules(encoding=job.masks, labels=job.labels)


def store(job: ingest_config.IngestJob) -> mask_store.MaskStore:
    """Returns where the converted masks of an ingest are."""
    return mask_store.MaskStore(Path(job.state_dir), rules(job), job.code)


def place(kept: mask_store.MaskStore, file: folder.ImageFile, row: file_index.Row) -> Path | None:
    """Returns where the mask of an image is; None if the image cannot be used or has none."""
    if file.mask is None or isinstance(row.result, decode.Rejection):
        return None
    info = row.result
    return kept.path(file.mask.identity(), row.sha256, (info.height, info.width))


def bundles(
    listing: folder.Listing, rows: Mapping[str, file_index.Row], job: ingest_config.IngestJob
) -> list[Bundle]:
    """Lists the masks that are not converted yet, in bundles that one worker takes at a time."""
    kept, tasks = store(job), []
    for file in listing.files:
        row = rows.get(file.path)
        path = place(kept, file, row) if row else None
        if row is None or path is None or file.mask is None or mask_store.facts(path) is not None:
            continue
        info = row.result
        if isinstance(info, decode.ImageInfo):
            size = (info.height, info.width)
            tasks.append(Task(file.mask.path, file.path, size, str(path), file.mask.shapes))
    starts = range(0, len(tasks), _FILES_A_BUNDLE)
    return [Bundle(tasks[start : start + _FILES_A_BUNDLE]) for start in starts]


class Converter:
    """Converts masks and stores them; owns the decoders.

    Args:
      root: the data folder.
      job: the settings.
      decoders: number of processes that decode.
    """

    def __init__(self, root: str, job: ingest_config.IngestJob, decoders: int) -> None:
        self._pool = decoder_pool.DecoderPool(
            root, job.config.decoding(), decoders, masks=rules(job)
        )

    def close(self) -> None:
        """Ends the decoders."""
        self._pool.close()

    def convert(self, tasks: Sequence[Task]) -> None:
        """Converts masks; harmless to repeat."""
        todo = {(task.mask, task.image): task for task in tasks}
        requests = (
            decoder_process.Request(task.mask, mask_of=(task.image, *task.size), shapes=task.shapes)
            for task in tasks
        )
        for request, answer in self._pool.decode(requests):
            image = request.mask_of[0] if request.mask_of else ""
            result = answer.mask or answer.result
            if isinstance(result, work.Made | decode.Rejection):
                mask_store.write(Path(todo[(request.path, image)].path), result)
            progress.advance(TASK)


@dataclass(frozen=True)
class Annotated:
    """The files of a listing with the classes of their masks as labels.

    Attributes:
      listing: the files.
      rows: path → row of the index; images whose mask cannot be used are rejected.
      paths: path of an image → name of its mask in the store.
      report: what was found in all masks; None where images as a whole have labels.
    """

    listing: folder.Listing
    rows: Mapping[str, file_index.Row]
    paths: Mapping[str, str]
    report: mask_report.MaskReport | None


def annotated(
    listing: folder.Listing,
    rows: Mapping[str, file_index.Row],
    job: ingest_config.IngestJob,
    convert: Callable[[Sequence[Bundle]], None],
) -> Annotated:
    """Converts the masks of the images, where they have some.

    Args:
      listing: the files.
      rows: path → row of the index.
      job: the settings.
      convert: converts masks and stores them, see Converter.

    Raises:
      errors.PipelineError: a mask was not converted.
    """
    if job.masks is None:
        return Annotated(listing, rows, {}, None)
    work = bundles(listing, rows, job)
    if work:
        progress.start(TASK, total=sum(len(bundle.tasks) for bundle in work))
        convert(work)
    return annotate(listing, rows, job)


def annotate(
    listing: folder.Listing, rows: Mapping[str, file_index.Row], job: ingest_config.IngestJob
) -> Annotated:
    """Reads the facts of all converted masks.

    Raises:
      errors.PipelineError: one was not converted.
    """
    kept, files, found, paths = store(job), [], dict(rows), {}
    seen: dict[str, tuple[str, str]] = {}  # digest of an image → its first path, digest of its mask
    report = mask_report.MaskReport(rules(job).encoding.sentence)
    for file in listing.files:
        path = place(kept, file, rows[file.path])
        if path is None:
            files.append(file)
            continue
        facts = mask_store.facts(path)
        if facts is None:
            raise errors.PipelineError(
                f"The mask of {file.path} was not converted: a worker wrote its results elsewhere."
                " Workers need the output folder at the same path."
            )
        if isinstance(facts, decode.Rejection):
            found[file.path] = rows[file.path]._replace(result=facts)
            files.append(file)
            continue
        labels = tuple(job.labels[number] for number in sorted(facts.counts))
        files.append(dataclasses.replace(file, labels=labels))
        paths[file.path] = f"{path.parent.name}/{path.name}"
        report.add(facts, job.labels, file.path)
        first, mask = seen.setdefault(rows[file.path].sha256, (file.path, facts.digest))
        report.compare(first, file.path, mask == facts.digest)
    return Annotated(dataclasses.replace(listing, files=tuple(files)), found, paths, report)


def prune(job: ingest_config.IngestJob, used: Iterable[str]) -> None:
    """Deletes masks that no image uses any more, and those of other rules."""
    if job.masks is None:
        return
    kept, names = store(job).folder, set(used)
    for path in Path(job.state_dir).glob("masks-*/*/*"):
        if path.parent.parent != kept or f"{path.parent.name}/{path.name}" not in names:
            path.unlink(missing_ok=True)
