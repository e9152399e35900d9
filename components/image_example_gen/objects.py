"""Boxes of the images of a shard: as given → features of their records, and what is wrong with them."""

from collections.abc import Mapping
from dataclasses import dataclass

import tensorflow as tf

from components.image_example_gen import config as ingest_config
from data.boxes import features, image_size, resolve
from data.boxes.given import Given
from data.examples import catalog, ingest_report
from data.files import user_files


@dataclass(frozen=True)
class Objects:
    """Encodes the boxes of the images of one split.

    Attributes:
      root: the data folder.
      job: the settings and the label map.
      split: the split of the images.
      written: the report that is added to.
    """

    root: str
    job: ingest_config.IngestJob
    split: str
    written: ingest_report.Report

    def encode(self, image: catalog.Image, content: bytes) -> Mapping[str, tf.train.Feature] | None:
        """Returns the features of the boxes of an image; None where images have none.

        Args:
          image: the image.
          content: the bytes that are stored.
        """
        if not image.boxes:
            return None
        config, labels = self.job.config, {name: i for i, name in enumerate(self.job.labels)}
        size = image_size.known(image.info)
        if size is None:
            file = user_files.read(self.root, image.path, config.limits.max_bytes)
            content = file if isinstance(file, bytes) else content
            size = image_size.measure(content, image.info)
        annotation, problems = resolve.resolve(
            Given.from_json(image.boxes), size, config.boxes.turned
        )
        stored = resolve.Size(image.info.width, image.info.height)
        annotation = resolve.reduced(annotation, size, stored)
        counts = self.written.boxes
        counts[self.split] = counts.get(self.split, 0) + len(annotation)
        self.written.bad_boxes += [ingest_report.BadBox.of(image.path, one) for one in problems]
        return features.encode(annotation, labels)
