"""Prepares a review: embeddings by the model in serving, answers out of sample, queues, the session."""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from data import errors, formats
from data.examples import examples_artifact
from data.layout import names, walk
from pipeline import output_folder
from pipeline.review import annotations, embeddings, out_of_sample, project, queues, session
from pipeline.review import unlabelled as new_images

MOST_FILES = 1_000_000

# Receives a line for people.
Say = Callable[[str], None]


@dataclass(frozen=True)
class Prepared:
    """A review that can begin.

    Attributes:
      session: the session.
      model: the model in serving; None if there is none.
      annotations: draws masks and boxes; false where images as a whole have labels.
    """

    session: session.Session
    model: embeddings.Model | None
    annotations: annotations.Annotations


def prepare(
    reviewed: project.Project,
    by: str,
    say: Say,
    unlabelled: Path | None = None,
    count: int = 100,
) -> Prepared:
    """Computes everything that a review shows.

    Args:
      reviewed: the images and decisions.
      by: who decides.
      say: told what is done.
      unlabelled: a folder of images that nobody has labelled.
      count: how many of those to choose.

    Raises:
      errors.UserError: there is no model to ask about unlabelled images, or none in the folder.
    """
    model = embeddings.Model(output_folder.OutputFolder(reviewed.output_dir).serving(reviewed.name))
    found = known(reviewed, model, say)
    chosen = None
    if unlabelled is not None:
        if found.answers is None:
            raise errors.UserError(
                f"What to label next is chosen by a model in serving that labels images; {reviewed.name}"
                " has none."
            )
        chosen = _unlabelled(reviewed, model, found, unlabelled, count, say)
    made = session.Session(reviewed, found, by, chosen)
    return Prepared(made, model or None, annotations.Annotations(reviewed))


def known(reviewed: project.Project, model: embeddings.Model, say: Say) -> queues.Images:
    """Returns what is known of the ingested images."""
    images = reviewed.images
    distance = examples_artifact.read_report(reviewed.uri).duplicate_distance
    near = queues.near_pairs(images, distance)
    presence = embeddings.presence(images, reviewed.labels)
    one = reviewed.task.labels_per_image == "one"
    if not model:
        say("No model is in serving: likely label errors and outliers need one.")
        return queues.Images(images, presence, near, one=one)
    rows = embeddings.of_images(reviewed, model, _telling(say, "images embedded"))
    if not reviewed.has_labels:
        return queues.Images(images, presence, near, rows, one=one)
    answered = out_of_sample.answers(rows, presence, queues.groups(images, near), one)
    say(
        f"A head that was not fitted on the image agrees with {formats.percent(answered.agreement)} of"
        " the labels."
    )
    return queues.Images(images, presence, near, rows, answered, one)


def _unlabelled(
    reviewed: project.Project,
    model: embeddings.Model,
    found: queues.Images,
    root: Path,
    count: int,
    say: Say,
) -> new_images.Unlabelled:
    paths = list(_image_files(root))
    rows, digests = embeddings.of_files(
        reviewed, model, root, paths, _telling(say, "unlabelled files embedded")
    )
    labelled = {image.sha256 for image in found.images}
    usable = [
        number
        for number, sha256 in enumerate(digests)
        if sha256 and sha256 not in labelled and rows[number].any()
    ]
    if not usable:
        raise errors.UserError(
            f"{root} has no image that the model accepts and that has no label yet."
        )
    assert found.embeddings is not None  # noqa: S101  the caller checked
    chosen, probabilities, scores = new_images.choose(found, rows[usable], count)
    records = [new_images.Record(paths[usable[one]], digests[usable[one]]) for one in chosen]
    say(
        f"{len(records):,} of {formats.plural(len(usable), 'image')} in {root} are to be labelled first."
    )
    return new_images.Unlabelled(str(root), records, probabilities, scores)


def _image_files(root: Path) -> Iterator[str]:
    """Yields the image files below a folder, by their names."""
    if not root.is_dir():
        raise errors.UserError(f"--unlabelled {root} is no folder.")
    count = 0
    for below, entries in walk.walk(root):
        for entry in entries:
            if names.has_image_suffix(entry.name) and not entry.is_folder:
                count += 1
                if count > MOST_FILES:
                    raise errors.UserError(f"{root} has more than {MOST_FILES:,} images.")
                yield os.path.join(below, entry.name)


def _telling(say: Say, words: str) -> embeddings.Progress:
    step = 50 * embeddings.BATCH_SIZE

    def tell(done: int, total: int) -> None:
        if done == total or done % step == 0:
            say(f"{done:,} of {total:,} {words}")

    return tell
