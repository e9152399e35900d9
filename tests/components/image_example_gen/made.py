"""Runs a whole ingest without Beam, and reads what it stored."""

from unittest import mock

import tensorflow as tf

from components.image_example_gen import config, ingest, inspection, passes
from data.examples import example, examples_artifact, ingest_report
from data.images import decoder_pool
from data.sources import listed
from data.splits import folder, labels, split
from tests.data.decoders import InProcess


def job_for(listing: folder.Listing, state, **changes: object) -> config.IngestJob:
    return config.IngestJob(
        config=config.IngestConfig(**changes),
        labels=labels.extend([], listing.class_names),
        fingerprint=listing.fingerprint(),
        code="0",
        state_dir=str(state),
    )


def look(root, job, tasks, scale, decoders=InProcess) -> None:
    with mock.patch.object(decoder_pool, "DecoderPool", decoders):
        inspector = inspection.Inspector(str(root), job, 2, scale)
    inspector.inspect(tasks)
    inspector.close()


def run(
    root, output, state=None, decoders=InProcess, annotates="images", **changes
) -> tuple[ingest_report.Report, folder.Listing]:
    """Runs a whole ingest without Beam: the same calls, one after another."""
    state = state or output.parent / f"{output.name}-state"
    listing = listed.scan(annotates, root, config.IngestConfig(**changes))
    job = job_for(listing, state, **changes)
    workspace = inspection.Workspace.of(job)
    inspected = passes.inspect(listing, job, lambda *task: look(root, job, *task, decoders))
    plan = ingest.plan(listing, inspected.rows, job, split.load_ledger(workspace.ledger))
    workspace.remember(inspected.listed, plan.ledger)
    writer = ingest.ShardWriter(str(root), str(output), job, plan.shard_counts)
    examples_artifact.write_catalog(str(output), plan.images, plan.shard_counts)
    for name, shard in plan.shards():
        writer.write(name, shard)
    outcome = ingest.finish(plan, listing, job, str(output), inspected)
    examples_artifact.write_report(str(output), outcome)
    return outcome, listing


def stored(output) -> dict[str, list[dict[str, object]]]:
    found = {}
    for name in ("train", "eval", "test"):
        dataset = tf.data.TFRecordDataset(examples_artifact.shards(str(output), name))
        parsed = dataset.batch(1).map(example.parse).as_numpy_iterator()
        found[name] = [{key: value[0] for key, value in row.items()} for row in parsed]
    return found
