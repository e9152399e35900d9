"""Collects the facts of a decision: the folder, the state and the served model now."""

import contextlib
import datetime
import hashlib
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from data.files import read_back
from data.sources import label_source
from data.splits import file_index, folder
from pipeline import output_folder
from pipeline.run import preflight
from pipeline.scheduled import confidence, decision, new_images
from pipeline.scheduled import config as retrain_config
from pipeline.scheduled import state as schedule_state
from serving import served_version

DAY_S = 24 * 3600


@dataclass(frozen=True)
class Place:
    """The paths of one model.

    Attributes:
      asked: what is to be listed; its root is the data folder.
      output_dir: from the settings.
      name: the name of the model.
      serving_dir: the folder of its versions.
      memory: the memory of the files of the last finished run.
      store: the store of the schedule's state.
    """

    asked: label_source.Request
    output_dir: Path
    name: str
    serving_dir: Path
    memory: new_images.Memory
    store: schedule_state.Store

    @classmethod
    def of(cls, command: retrain_config.Command) -> "Place":
        """Returns the paths for a command."""
        config, pipeline = command.config, command.pipeline
        name = preflight.model_name(pipeline, config.data_dir)
        asked = preflight.request(pipeline, config.data_dir)
        store = schedule_state.Store.of(config.output_dir, name)
        return cls(
            asked=asked,
            output_dir=config.output_dir,
            name=name,
            serving_dir=preflight.serving_dir(pipeline, name),
            memory=new_images.Memory(
                place=store.folder,
                root=asked.root,
                config=pipeline.ingest.decoding(),
                size=config.triggers.sample_images,
                value_range=pipeline.ingest.value_range,
            ),
            store=store,
        )


def served(place: Place) -> str | None:
    """Returns the version that is served now; None before the first."""
    version = served_version.served(place.serving_dir)
    return None if version is None else str(version)


def attempt_key(listing: folder.Listing, command: retrain_config.Command) -> str:
    """Identifies these images with these settings, for which failures are counted."""
    text = f"{listing.fingerprint()} {command.pipeline.to_yaml()}"
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()


def counts(listing: folder.Listing) -> dict[str, int]:
    """Class name → files that are trained on."""
    return dict(sorted(folder.label_counts(listing.window_files).items()))


def gather(
    command: retrain_config.Command,
    place: Place,
    state: schedule_state.State,
    listing: folder.Listing,
    now: datetime.datetime,
) -> decision.Facts:
    """Collects all facts that a decision may need.

    A sample of new images is decoded. The served model does not run: :func:`embedding_drift`.
    """
    triggers = command.config.triggers
    new = place.memory.new(listing.files)
    first = state.fingerprint is None
    rows = place.memory.look_at_new(new) if new else []
    readable = len(new_images.infos(rows)) / len(rows) if rows else 1.0
    version = served(place)
    drifts: tuple[str, ...] = ()
    new_classes: set[str] = set()
    if new and not first:
        new_classes = folder.label_counts(new).keys() - state.class_counts.keys()
        drifts = _drifts(command, place, state, new, rows)
    released = _released(state, version, now)
    failed = state.failed if _same_attempt(state, listing, command) else None
    score = _score(triggers.confidence, released, now)
    return decision.Facts(
        images=len(listing.window_files),
        known=None if first else sum(state.class_counts.values()),
        new=len(new),
        readable=readable,
        new_spans=tuple(sorted({file.span for file in new if file.span is not None})),
        incomplete_spans=tuple(span.number for span in listing.incomplete),
        new_classes=tuple(sorted(new_classes)),
        drifts=drifts,
        age_days=(now - released).total_seconds() / DAY_S if released else None,
        score=score.mean if score else None,
        score_count=score.count if score else 0,
        score_reference=state.mean_scores.get(version or ""),
        failed=failed.count if failed else 0,
        failed_code=failed.exit_code if failed else 0,
        failed_message=failed.message if failed else "",
        interrupted=state.under_way.reason if state.under_way else None,
    )


def embedding_drift(
    command: retrain_config.Command,
    place: Place,
    state: schedule_state.State,
    listing: folder.Listing,
) -> str | None:
    """Describes how embeddings by the served model drifted; returns None if they did not.

    That takes some seconds, so the result for the same images is remembered.
    """
    version = served(place)
    if not command.config.triggers.embedding_drift or version is None:
        return None
    from pipeline.scheduled import drifting

    new = place.memory.new(listing.files)
    key = hashlib.sha256(new_images.keys(new).tobytes() + version.encode()).hexdigest()
    if state.asked is None or state.asked.key != key:
        log = output_folder.OutputFolder(place.output_dir).embedding_log
        rows, before = place.memory.look_at_new(new), place.memory.look_at_released()
        samples = drifting.Samples(new, rows, state.released_counts, before)
        sentence = None
        # The log has the cause; a model that cannot run is no reason to train or not.
        with contextlib.suppress(subprocess.SubprocessError, OSError, read_back.ReadError):
            sentence = drifting.embedding(
                samples,
                place.asked.root,
                place.serving_dir / version,
                command.pipeline.checks,
                log,
                state.predictions.get(version),
            )
        state.asked = schedule_state.Asked(key=key, sentence=sentence)
    return state.asked.sentence


def _same_attempt(
    state: schedule_state.State, listing: folder.Listing, command: retrain_config.Command
) -> bool:
    return state.failed is not None and state.failed.key == attempt_key(listing, command)


def _drifts(
    command: retrain_config.Command,
    place: Place,
    state: schedule_state.State,
    new: Sequence[folder.ImageFile],
    rows: Sequence[file_index.Row],
) -> tuple[str, ...]:
    from pipeline.scheduled import drifting  # brings SciPy, which takes most of a second

    before = place.memory.look_at_released()
    samples = drifting.Samples(new, rows, state.released_counts, before)
    triggers, checks = command.config.triggers, command.pipeline.checks
    found = [
        drifting.label(samples, checks) if triggers.label_drift else None,
        drifting.measure(samples, checks) if triggers.measure_drift else None,
    ]
    return tuple(sentence for sentence in found if sentence)


def _released(
    state: schedule_state.State, version: str | None, now: datetime.datetime
) -> datetime.datetime | None:
    """Returns when a version was released: from the state, else its number, which is a time."""
    if version is None:
        return None
    known = state.releases.get(version)
    if known is None and int(version) < now.timestamp():
        known = datetime.datetime.fromtimestamp(int(version), datetime.timezone.utc)
    # A number in the future has no meaning: it was made by hand, or by a wrong clock.
    return known or now


def _score(
    config: retrain_config.ConfidenceConfig,
    released: datetime.datetime | None,
    now: datetime.datetime,
) -> confidence.Scores | None:
    """Reads the scores of the last days, of the served model only."""
    if config.file is None or released is None:
        return None
    since = max(released, now - datetime.timedelta(days=config.days))
    return confidence.read(config.file, since, now)
