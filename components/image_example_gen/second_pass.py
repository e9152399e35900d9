"""Second pass of ingest: rows of the index → splits, shards, records.

No file is lost: each listed file ends in exactly one split or in the quarantine list.
"""

import itertools
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from components.image_example_gen import config as ingest_config
from components.image_example_gen import first_pass, index_update, objects
from components.image_example_gen import masks as mask_files
from data import errors, progress
from data.examples import catalog, example, examples_artifact, ingest_report, records
from data.files import hashing, user_files
from data.images import decode, image_reading, value_range
from data.layout.unused import Note, Reason, Unused
from data.masks import mask_store
from data.splits import duplicates, file_index, folder, split

TASK = "writing records"


@dataclass(frozen=True)
class Plan:
    """Assignment of images to splits and shards.

    Attributes:
      images: the images to write, in the order of the records.
      quarantined: the files that are not written, with reasons.
      ledger: the assignments to remember.
      shard_counts: split → number of shards.
      duplicate_distance: largest distance in bits at which images counted as near-duplicates.
      passed_over: images of fixed spans that are in no test split and so are not used.
    """

    images: list[catalog.Image]
    quarantined: list[ingest_report.Quarantined]
    ledger: dict[str, str]
    shard_counts: dict[str, int]
    duplicate_distance: int
    passed_over: int = 0

    def shards(self) -> list[tuple[str, int]]:
        """Lists the (split, shard) of each shard; empty shards are written too."""
        return [(name, i) for name, count in self.shard_counts.items() for i in range(count)]


def plan(
    listing: folder.Listing,
    rows: Mapping[str, file_index.Row],
    job: ingest_config.IngestJob,
    ledger: Mapping[str, str],
    note: Note = lambda _: None,
    masks: Mapping[str, str] = MappingProxyType({}),
) -> Plan:
    """Assigns every image to a split and a shard.

    Args:
      listing: the files.
      rows: path → row of the index, for every listed file.
      job: the settings.
      ledger: the assignments of earlier ingests.
      note: called with each image that is not used.
      masks: path of an image → name of its converted mask.

    Raises:
      errors.PipelineError: a listed file has no row.
    """
    _check_known(listing, rows)
    good, infos, quarantined = _sorted_out(listing, rows)
    digests = [rows[file.path].sha256 for file in good]
    groups, distance = _groups(good, digests, infos, job.config.split)
    items = [
        split.Item(digest, file.labels, file.split, group)
        for file, digest, group in zip(good, digests, groups, strict=True)
    ]
    splits = split.assign(items, job.config.split, listing.given_splits, ledger)
    for_test_only = {span.number for span in listing.fixed}
    used = [
        file.span not in for_test_only or name == "test"
        for file, name in zip(good, splits, strict=True)
    ]
    sizes: Counter[str] = Counter()
    for file, name in itertools.compress(zip(good, splits, strict=True), used):
        sizes[name] += file.size_bytes
    counts = {
        name: records.shard_count(sizes[name], job.config.shard_bytes) for name in split.SPLITS
    }
    images = [
        catalog.Image(
            path=file.path,
            labels=file.labels,
            split=name,
            shard=int(digest[8:16], 16) % counts[name],
            sha256=digest,
            span=file.span,
            info=info,
            boxes=file.boxes,
            mask=masks.get(file.path, ""),
        )
        for file, digest, name, info in itertools.compress(
            zip(good, digests, splits, infos, strict=True), used
        )
    ]
    images.sort(key=lambda image: image.place)
    made = {
        item.sha256: name
        for item, name in zip(items, splits, strict=True)
        if item.given in (None, "train")
    }
    for file in itertools.compress(good, (not is_used for is_used in used)):
        note(Unused(file.path, Reason.SPAN_FOR_TEST_ONLY, True))
    passed_over = len(good) - len(images)
    return Plan(images, quarantined, {**ledger, **made}, counts, distance, passed_over)


def _check_known(listing: folder.Listing, rows: Mapping[str, file_index.Row]) -> None:
    missing = [file.path for file in listing.files if file.path not in rows]
    if missing:
        raise errors.PipelineError(
            f"The index has no rows of {len(missing)} files, such as {missing[0]}: a worker wrote"
            " its results elsewhere. Workers need the output folder at the same path."
        )


def _sorted_out(
    listing: folder.Listing, rows: Mapping[str, file_index.Row]
) -> tuple[list[folder.ImageFile], list[decode.ImageInfo], list[ingest_report.Quarantined]]:
    """Separates the files that are images, with their info, from the others."""
    good, infos, quarantined = [], [], []
    for file in listing.files:
        result = rows[file.path].result
        if isinstance(result, decode.Rejection):
            row = ingest_report.Quarantined(file.path, file.labels, result.reason, result.detail)
            quarantined.append(row)
        else:
            good.append(file)
            infos.append(result)
    return good, infos, quarantined


def _groups(
    good: list[folder.ImageFile],
    digests: list[str],
    infos: list[decode.ImageInfo],
    config: split.SplitConfig,
) -> tuple[list[int], int]:
    """Numbers the groups of images that share a split: copies, near-duplicates, one group key.

    Also returns the distance up to which images counted as near-duplicates.
    """
    sides = [min(info.height, info.width) for info in infos]
    phashes = [info.phash for info in infos]
    pairs, distance = duplicates.find_plausible_pairs(
        phashes, sides, [file.labels for file in good], config.max_duplicate_distance
    )
    links = [(one, other) for _, one, other in pairs]
    first: dict[str, int] = {}
    for position, (file, digest) in enumerate(zip(good, digests, strict=True)):
        keys = {"sha256": digest, "group": config.group_key(file.path), "stated": file.group}
        for kind, key in keys.items():
            if key is not None:
                links.append((first.setdefault(f"{kind} {key}", position), position))
    return duplicates.group(len(good), links), distance


def finish(
    plan: Plan,
    listing: folder.Listing,
    job: ingest_config.IngestJob,
    output_uri: str,
    inspected: index_update.Inspected,
) -> ingest_report.Report:
    """Writes the label map; adds up the whole report.

    Args:
      plan: the plan that was carried out; the reports of its shards are in the artifact.
      listing: the files.
      job: contains the label map.
      output_uri: the artifact.
      inspected: the result of the first pass.
    """
    examples_artifact.write_labels(output_uri, job.labels)
    unused = Counter({reason.value: count for reason, count in listing.unused.files.items()})
    if plan.passed_over:
        unused[Reason.SPAN_FOR_TEST_ONLY.value] = plan.passed_over
    problems = listing.boxes.problems if listing.boxes else ()
    rest = ingest_report.Report(
        quarantined=plan.quarantined,
        bad_boxes=[ingest_report.BadBox.of("", problem) for problem in problems],
        unused=dict(unused),
        source=str(listing.root),
    )
    whole = ingest_report.merge([rest, *examples_artifact.take_report_parts(output_uri)])
    whole.max_duplicate_distance = job.config.split.max_duplicate_distance
    whole.duplicate_distance = plan.duplicate_distance
    whole.boxes_turned = job.config.boxes.turned
    has_floats = any(one.kind == value_range.FLOAT for one in inspected.scaled)
    whole.reading = image_reading.Reading(
        background=job.config.background_rgb(),
        convert_to_srgb=job.config.convert_to_srgb,
        value_range=inspected.scale.integers,
        float_range=inspected.scale.floats if has_floats else None,
    )
    whole.scaled = inspected.scaled
    whole.decoded = inspected.decoded
    return whole


@dataclass(frozen=True)
class ShardWriter:
    """Writes the records of one shard at a time, from its list in the catalog.

    Attributes:
      root: the data folder.
      output_uri: the artifact.
      job: the settings and the label map.
      shard_counts: split → number of shards.
    """

    root: str
    output_uri: str
    job: ingest_config.IngestJob
    shard_counts: dict[str, int]

    def write(self, split_name: str, shard: int) -> ingest_report.Report:
        """Reads and writes the images of one shard; harmless to repeat.

        Returns:
          The report on them, of which a copy is written into the artifact.
        """
        count = self.shard_counts[split_name]
        list_path = examples_artifact.catalog_path(self.output_uri, split_name, shard, count)
        images = catalog.read_shard(list_path)
        path = examples_artifact.shard_path(self.output_uri, split_name, shard, count)
        written = ingest_report.Report(examples={split_name: {}})
        records.write(path, self._records(images, split_name, written))
        if written.quarantined:
            lost = {row.path for row in written.quarantined}
            catalog.write_shard(list_path, (image for image in images if image.path not in lost))
        examples_artifact.write_report_part(self.output_uri, f"{split_name}-{shard}", written)
        return written

    def _records(
        self, images: list[catalog.Image], split_name: str, written: ingest_report.Report
    ) -> Iterator[bytes]:
        """Yields serialized records and counts them."""
        workspace = first_pass.Workspace.of(self.job)
        labels = {name: label for label, name in enumerate(self.job.labels)}
        counts: Counter[str] = Counter()
        further = 0
        encoder = example.Encoder()
        boxes = objects.Objects(self.root, self.job, split_name, written)
        kept = mask_files.store(self.job) if self.job.masks else None
        for image in images:
            content = self._content(image, workspace)
            progress.advance(TASK)
            if isinstance(content, decode.Rejection):
                row = (image.path, image.labels, content.reason, content.detail)
                written.quarantined.append(ingest_report.Quarantined(*row))
                continue
            counts.update(image.labels)
            further += len(image.labels) - 1
            written.reencoded += image.info.reencoded
            mask = mask_store.encoded(kept.folder / image.mask) if kept and image.mask else None
            more = boxes.encode(image, content)
            yield encoder.encode(content, image.info, _source(image, labels), mask, more)
        for name, split_counts in written.examples.items():
            split_counts.update(counts)
            written.further_labels |= {name: further} if further else {}

    def _content(
        self, image: catalog.Image, workspace: first_pass.Workspace
    ) -> bytes | decode.Rejection:
        if image.info.reencoded:
            return Path(workspace.encoded(image.sha256, image.info)).read_bytes()
        content = user_files.read(self.root, image.path, self.job.config.limits.max_bytes)
        if isinstance(content, bytes) and hashing.sha256(content) != image.sha256:
            return decode.Rejection("changed")
        return content


def _source(image: catalog.Image, labels: Mapping[str, int]) -> example.ImageSource:
    return example.ImageSource(
        filename=image.path,
        class_text=image.labels,
        class_label=tuple(labels[name] for name in image.labels),
        sha256=image.sha256,
        span=example.NO_SPAN if image.span is None else image.span,
    )
