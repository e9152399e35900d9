"""What a review knows and does, whatever shows it: queues, cases, decisions, undo, progress."""

import threading
from collections.abc import Sequence
from typing import Any

import numpy as np

from data import errors
from data.corrections.decisions import Action, Decision, now
from data.splits import folder
from pipeline.review import asked, decided, project, queues
from pipeline.review.queues import Kind
from pipeline.review.unlabelled import AnyImage, Unlabelled

MOST_CASES = 50
_SHOWN_CLASSES = 3


class Session:
    """A review of one model's images; may be used by several threads.

    Args:
      reviewed: the images and the list of decisions.
      found: what is known of the images.
      by: who decides.
      unlabelled: images to label next, and the list of decisions about them.
    """

    def __init__(
        self,
        reviewed: project.Project,
        found: queues.Images,
        by: str,
        unlabelled: Unlabelled | None = None,
    ) -> None:
        self.project, self._by = reviewed, by
        self._unlabelled = unlabelled
        self._images: list[AnyImage] = [*found.images, *(unlabelled.images if unlabelled else ())]
        self._ingested = len(found.images)
        self._one = found.one
        self._queues = queues.build(found)
        self._probabilities = found.probabilities
        if unlabelled:
            members = [(self._ingested + number,) for number in range(len(unlabelled.images))]
            self._queues[Kind.NEXT] = queues.Queue(Kind.NEXT, members, unlabelled.scores)
            if found.probabilities is not None:
                self._probabilities = np.concatenate(
                    [found.probabilities, unlabelled.probabilities]
                )
        self._firsts = {kind: queue.firsts for kind, queue in self._queues.items()}
        self._members = {kind: queue.flat() for kind, queue in self._queues.items()}
        self._classes = self._class_numbers()
        self._lock = threading.Lock()
        self._made: list[Decision] = []
        # Of each step of this session: its queue, and how many decisions it made.
        self._steps: list[tuple[Kind, int]] = []
        self._known = self._read()

    def about(self) -> dict[str, Any]:
        """Returns what is reviewed, and the queues with their progress."""
        with self._lock:
            listed = [
                {
                    "id": kind.value,
                    "title": queues.TITLES[kind],
                    "count": len(queue.members),
                    "decided": int(self._decided(kind).sum()),
                }
                for kind, queue in self._queues.items()
            ]
            return {
                "name": self.project.name,
                "data": str(self.project.data_dir),
                "list": str(self.project.log.path),
                "labels": self._known.labels,
                "has_labels": self.project.has_labels,
                "one": self._one,
                "queues": listed,
                "steps": len(self._steps),
            }

    def cases(
        self, kind: Kind, offset: int, limit: int, label: str = "", is_open: bool = False
    ) -> dict[str, Any]:
        """Returns some cases of a queue.

        Args:
          kind: the queue.
          offset: how many cases to pass over.
          limit: how many to return, at most MOST_CASES.
          label: only cases whose image has this label, or should have it; empty: all.
          is_open: begin with the first case from there on that is not decided yet; after the last
            one, with the first of all.

        Returns:
          ``total``, ``open`` (how many are not decided), ``offset`` of the first case, ``cases``.

        Raises:
          errors.UserError: there is no such queue or class.
        """
        with self._lock:
            queue = self._queue(kind)
            firsts = self._firsts[kind]
            wanted = np.ones(len(firsts), bool)
            if label:
                wanted &= self._has(firsts, label)
            listed = np.flatnonzero(wanted)
            undecided = np.flatnonzero(~self._decided(kind)[listed])
            if is_open and len(undecided):
                later = undecided[undecided >= offset]
                offset = int(later[0] if len(later) else undecided[0])
            places = listed[offset : offset + min(limit, MOST_CASES)]
            return {
                "total": len(listed),
                "open": len(undecided),
                "offset": offset,
                "cases": [self._case(queue, int(place)) for place in places],
            }

    def decide(
        self,
        kind: Kind,
        place: int,
        action: Action,
        new: Sequence[str] = (),
        why: str = "",
        member: int = 0,
        adds: bool = False,
    ) -> dict[str, Any]:
        """Adds a decision about a case to the list; returns the case.

        Args:
          kind: the queue.
          place: the case's place in it.
          action: what was decided.
          new: the labels that the image shall have, if it is relabelled.
          why: the reason.
          member: which image of the case it is about; of copies of one file, it is about all.
          adds: whether a label may be a class that is new.

        Raises:
          errors.UserError: there is no such case, or the decision is impossible.
        """
        with self._lock:
            queue = self._queue(kind)
            if not 0 <= place < len(queue.members):
                raise errors.UserError(f"The queue {kind.value} has no case {place}.")
            members = queue.members[place]
            if not 0 <= member < len(members):
                raise errors.UserError(f"The case has no image {member}.")
            chosen = members if kind is Kind.CONFLICTS else (members[member],)
            after: tuple[str, ...] = ()
            if action is Action.RELABEL:
                if not self.project.has_labels:
                    raise errors.UserError(
                        "The images have no labels to change; keep or drop."
                        if self.project.task.annotates == "images"
                        else "Masks and boxes are mended in their files; keep or drop."
                    )
                after = asked.labels(new, self._known.labels, self._one, adds)
            made = [self._decision(self._images[one], action, after, why) for one in chosen]
            self._log(kind).append(made)
            self._steps.append((kind, len(made)))
            self._made += made
            self._known.add(made)
            return self._case(queue, place)

    def undo(self) -> int:
        """Takes the newest decision of this session back; returns how many are left.

        Raises:
          errors.UserError: there is none, or another process decided since.
        """
        with self._lock:
            if not self._steps:
                raise errors.UserError("Nothing was decided in this session.")
            kind, count = self._steps[-1]
            for _ in range(count):
                self._log(kind).undo(self._made[-1])
                self._made.pop()
            self._steps.pop()
            self._known = self._read()
            return len(self._steps)

    def image(self, number: int) -> tuple[str, AnyImage]:
        """Returns the folder of an image and its record.

        Raises:
          errors.UserError: there is no such image.
        """
        if not 0 <= number < len(self._images):
            raise errors.UserError(f"There is no image {number}.")
        unlabelled = self._unlabelled if number >= self._ingested else None
        root = unlabelled.root if unlabelled else str(self.project.data_dir)
        return root, self._images[number]

    def _queue(self, kind: Kind) -> queues.Queue:
        if kind not in self._queues:
            raise errors.UserError(f"There is no queue {kind.value}.")
        return self._queues[kind]

    def _log(self, kind: Kind) -> Any:
        return self.project.unlabelled_log if kind is Kind.NEXT else self.project.log

    def _read(self) -> decided.Decided:
        logs = [self.project.log, *([self.project.unlabelled_log] if self._unlabelled else [])]
        return decided.Decided(self.project.labels, [one for log in logs for one in log.read()])

    def _decided(self, kind: Kind) -> np.ndarray:
        """Returns of which cases of a queue an image was decided about, bool [Q]."""
        numbers, starts = self._members[kind]
        if not len(numbers):
            return np.zeros(0, bool)
        return np.logical_or.reduceat(self._known.flags(self._images)[numbers], starts)

    def _decision(
        self, image: AnyImage, action: Action, new: tuple[str, ...], why: str
    ) -> Decision:
        if action is Action.RELABEL and set(new) == set(image.labels):
            action = Action.KEEP
        after = new if action is Action.RELABEL else image.labels
        return Decision(
            folder.printable(image.path),
            image.sha256,
            image.labels,
            after,
            self._by,
            now(),
            why,
            action,
        )

    def _case(self, queue: queues.Queue, place: int) -> dict[str, Any]:
        members = queue.members[place]
        return {
            "place": place,
            "score": round(float(queue.scores[place]), 4),
            "images": [self._shown(number) for number in members],
        }

    def _shown(self, number: int) -> dict[str, Any]:
        image = self._images[number]
        made = self._known.about(image)
        shown: dict[str, Any] = {
            "number": number,
            "path": folder.printable(image.path),
            "labels": list(image.labels),
            "split": image.split,
            "answers": self._answers(number),
        }
        if made:
            shown["decision"] = {"action": made.action.value, "new": list(made.new)}
        return shown

    def _answers(self, number: int) -> list[dict[str, Any]]:
        """Returns the most probable labels of an image, out of sample."""
        if self._probabilities is None:
            return []
        row = self._probabilities[number]
        return [
            {"label": self.project.labels[one], "probability": round(float(row[one]), 4)}
            for one in np.argsort(-row, kind="stable")[:_SHOWN_CLASSES]
        ]

    def _class_numbers(self) -> np.ndarray:
        """Returns the most probable label of each image, int [N]; −1 without answers."""
        if self._probabilities is None:
            return np.full(len(self._images), -1)
        return self._probabilities.argmax(1)

    def _has(self, numbers: np.ndarray, label: str) -> np.ndarray:
        labels = self._known.labels
        if label not in labels:
            raise errors.UserError(f"There is no class {label[:200]!r}.")
        wanted = labels.index(label)  # of a class that is new: the answer about no image
        stated = [self._known.has(self._images[number], label) for number in numbers]
        return np.array(stated, bool) | (self._classes[numbers] == wanted)
