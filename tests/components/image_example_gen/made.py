"""Runs a whole ingest without Beam, and reads what it stored."""

from pathlib import Path
from unittest import mock

import tensorflow as tf

from components.image_example_gen import config, corrected, first_pass, index_update, second_pass
from data.examples import example, examples_artifact, ingest_report
from data.images import decoder_pool
from data.sources import config as label_config
from data.sources import label_source
from data.sources import registry as label_sources
from data.splits import folder, labels, split
from tests.data.decoders import InProcess


def job_for(
    listing: folder.Listing,
    state,
    source=label_config.DEFAULT,
    corrections: Path | None = None,
    **changes: object,
) -> config.IngestJob:
    names = labels.extend([], listing.class_names)
    decided = corrections and corrected.read(corrections, "classification")
    if decided:
        names = labels.extend(names, decided.new_labels)
    return config.IngestJob(
        config=config.IngestConfig(**changes),
        source=label_sources.absolute(source),
        labels=names,
        fingerprint=listing.fingerprint(),
        code="0",
        state_dir=str(state),
        corrections=corrected.job(corrections, decided) if corrections and decided else None,
    )


def look(root, job, tasks, scale, decoders=InProcess) -> None:
    with mock.patch.object(decoder_pool, "DecoderPool", decoders):
        inspector = first_pass.Inspector(str(root), job, 2, scale)
    inspector.inspect(tasks)
    inspector.close()


def run(
    data_dir,
    output,
    state=None,
    decoders=InProcess,
    source=label_config.DEFAULT,
    rule=label_source.ONE,
    corrections=None,
    **changes,
) -> tuple[ingest_report.Report, folder.Listing]:
    """Runs a whole ingest without Beam: the same calls, one after another."""
    state = state or output.parent / f"{output.name}-state"
    asked = label_sources.request(data_dir, config.IngestConfig(**changes), source, rule)
    root = asked.root
    listing = label_sources.scan(asked)
    job = job_for(listing, state, asked.labels, corrections, **changes)
    workspace = first_pass.Workspace.of(job)
    inspected = index_update.inspect(listing, job, lambda *task: look(root, job, *task, decoders))
    decided = corrected.apply(listing, inspected.rows, job)
    plan = second_pass.plan(decided.listing, decided.rows, job, split.load_ledger(workspace.ledger))
    workspace.remember(inspected.listed, plan.ledger)
    writer = second_pass.ShardWriter(str(root), str(output), job, plan.shard_counts)
    examples_artifact.write_catalog(str(output), plan.images, plan.shard_counts)
    for name, shard in plan.shards():
        writer.write(name, shard)
    outcome = second_pass.finish(plan, listing, job, str(output), inspected)
    outcome.corrections = decided.applied((one.path, one.split) for one in plan.images)
    examples_artifact.write_report(str(output), outcome)
    return outcome, listing


def stored(output) -> dict[str, list[dict[str, object]]]:
    found = {}
    for name in ("train", "eval", "test"):
        dataset = tf.data.TFRecordDataset(examples_artifact.shards(str(output), name))
        parsed = dataset.batch(1).map(example.parse).as_numpy_iterator()
        found[name] = [{key: value[0] for key, value in row.items()} for row in parsed]
    return found
