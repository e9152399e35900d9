"""The Beam adapter of inference: names of shards cross the shuffle, images never do."""

from collections.abc import Sequence
from pathlib import Path

import apache_beam as beam
from apache_beam.utils import shared

from components.predict import exported_model, shards
from components.predict.user_files import answering, listing


class AnswerShard(beam.DoFn):  # type: ignore[misc]
    """Predicts a shard into the artifacts; it emits nothing.

    Each worker process loads the SavedModel once, however many threads and bundles it has.

    Args:
      model_dir: the folder with saved_model.pb.
    """

    def __init__(self, model_dir: str) -> None:
        self._model_dir = model_dir
        self._shared = shared.Shared()

    def setup(self) -> None:
        """See the base class."""
        self._model = self._shared.acquire(lambda: exported_model.Model(Path(self._model_dir)))

    def process(self, shard: shards.Shard) -> list[None]:
        """See the base class."""
        shards.answer(shard, self._model)
        return []


class AnswerChunk(beam.DoFn):  # type: ignore[misc]
    """Predicts some of a user's files into their part; it emits nothing.

    Args:
      model_dir: the folder with saved_model.pb.
      decoders: the number of processes of each worker that decode images.
    """

    def __init__(self, model_dir: str, decoders: int) -> None:
        self._model_dir = model_dir
        self._decoders = decoders

    def setup(self) -> None:
        """See the base class."""
        model = exported_model.Model(Path(self._model_dir))
        self._answerer = answering.Answerer(model, self._decoders)

    def process(self, chunk: listing.Chunk) -> list[None]:
        """See the base class."""
        self._answerer.answer(chunk)
        return []

    def teardown(self) -> None:
        """See the base class."""
        self._answerer.close()


def run_chunks(
    arguments: Sequence[str], work: Sequence[listing.Chunk], model_dir: str, decoders: int
) -> None:
    """Runs the model on a user's files on the engine that Beam's arguments name."""
    with beam.Pipeline(argv=list(arguments)) as pipeline:
        _ = (
            pipeline
            | "Files" >> beam.Create(work)
            | "Spread" >> beam.Reshuffle()
            | "Answer" >> beam.ParDo(AnswerChunk(model_dir, decoders))
        )


def run(pipeline: beam.Pipeline, work: Sequence[shards.Shard], model_dir: str) -> None:
    """Runs the model on every shard, on the pipeline's engine."""
    with pipeline:
        _ = (
            pipeline
            | "Shards" >> beam.Create(work)
            # Without this, all shards fuse into one bundle on one worker.
            | "Spread" >> beam.Reshuffle()
            | "Answer" >> beam.ParDo(AnswerShard(model_dir))
        )
