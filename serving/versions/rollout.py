"""Follows the model's folder and switches a running server to new versions.

The highest complete version that loads is served. One that does not load is reported once and
skipped until its files change; the previous version stays served.
"""

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from serving import errors, files, served_version, working_folder
from serving.client import client
from serving.triton import failures, model_config, repository

# Triton polls its repository every second; until then it reports the previous state.
_STALE_S = 3.0

# Paths in a folder with their sizes in bytes and times of change in ns.
_Fingerprint = tuple[tuple[str, int, int], ...]


@dataclass(frozen=True)
class _Change:
    number: int
    fingerprint: _Fingerprint
    generation: int
    begun: float


class Rollout:
    """Follows a model's folder.

    Args:
      model_dir: the folder.
      folders: what Triton reads.
      triton: a client of the running Triton.
      report: receives one sentence for each event.
    """

    def __init__(
        self,
        model_dir: Path,
        folders: repository.Repository,
        triton: client.Client,
        report: Callable[[str], None],
    ) -> None:
        self.serving: int | None = None
        self._model_dir = model_dir
        self._folders = folders
        self._triton = triton
        self._report = report
        self._fingerprint: _Fingerprint | None = None
        self._change: _Change | None = None
        self._failed: dict[int, _Fingerprint] = {}
        self._whole: dict[int, _Fingerprint] = {}
        self._seen: dict[int, _Fingerprint] = {}
        self._said = ""
        self._loaded_s = math.inf

    def begin(self) -> None:
        """Publishes the first version, before Triton starts.

        Raises:
          errors.UserError: the version cannot be read, or the temporary folder cannot be written.
        """
        self._look()
        try:
            self._begin_change()
        except OSError as error:
            raise working_folder.unusable(self._folders.root, error) from error

    def tick(self) -> None:
        """Checks the folder and the change under way; to be called about twice a second.

        Raises:
          errors.ServerError: no version loads, and none is served yet.
          errors.UserError: no version is served yet, and the temporary folder cannot be written.
        """
        try:
            if self._change is not None:
                self._follow(self._change)
            else:
                self._begin_change()
        except OSError as error:
            if self.serving is None:
                raise working_folder.unusable(self._folders.root, error) from error
            self._say(f"Cannot follow {self._model_dir}: {files.reason(error)}.")
        except (errors.RequestError, errors.UserError) as error:
            self._say(f"Cannot follow {self._model_dir}: {error}")

    def loaded_before(self, moment_s: float) -> bool:
        """Returns whether the served version was loaded before a time of ``time.monotonic``."""
        return self._change is None and self._loaded_s < moment_s

    def replace_workers(self) -> None:
        """Reloads the served version, because a worker has died and Triton does not restart it."""
        if self._change is None:
            self._say(f"A worker of version {self.serving} died; it is replaced.")
            self._fingerprint = None

    def _begin_change(self) -> None:
        wanted = self._wanted()
        if wanted is None:
            if self.serving is None:
                raise errors.ServerError(f"No version in {self._model_dir} loads: {self._said}")
            if self.serving not in served_version.numbered(self._model_dir):
                self._say(f"{self._model_dir} contains no version; {self.serving} stays served.")
            return
        number, fingerprint = wanted
        if (number, fingerprint) == (self.serving, self._fingerprint):
            return
        source = self._model_dir / str(number)
        generation = self._folders.publish(number, source, self.serving)
        self._change = _Change(number, fingerprint, generation, time.monotonic())

    def _follow(self, change: _Change) -> None:
        state, reason, generation = self._state(change.number)
        if state == "READY" and generation == change.generation:
            self._loaded_s = time.monotonic()
            self.serving, self._fingerprint, self._change = change.number, change.fingerprint, None
            self._failed.pop(change.number, None)
            self._say(f"Version {change.number} is served.")
            for sentence in dict.fromkeys(
                one.sentence(change.number) for one in self._folders.chosen()
            ):
                self._report(sentence)
        elif failures.does_not_load(state, reason) and time.monotonic() - change.begun > _STALE_S:
            self._change = None
            self._failed[change.number] = change.fingerprint
            self._say(f"Version {change.number} does not load: {_first_line(reason)}")

    def _wanted(self) -> tuple[int, _Fingerprint] | None:
        """Returns the highest version that is complete, unchanged since the last look and not failing."""
        before, now = self._seen, self._look()
        for number in sorted(now, reverse=True):
            fingerprint = now[number]
            at_rest = before.get(number) == fingerprint
            if at_rest and self._failed.get(number) != fingerprint and self._is_whole(number):
                return number, fingerprint
        return None

    def _look(self) -> dict[int, _Fingerprint]:
        folders = served_version.numbered(self._model_dir)
        self._seen = {number: tuple(_fingerprint(path)) for number, path in folders.items()}
        return self._seen

    def _is_whole(self, number: int) -> bool:
        fingerprint = self._seen[number]
        if self._whole.get(number) != fingerprint:
            if not served_version.is_whole(self._model_dir / str(number)):
                return False
            self._whole[number] = fingerprint
        return True

    def _state(self, number: int) -> tuple[str, str, int]:
        """Returns Triton's state of a version, its reason, and the generation that is loaded."""
        entries = [one for one in self._triton.index() if one.get("version") == str(number)]
        if not entries:
            return "", "", 0
        state, reason = entries[0].get("state", ""), entries[0].get("reason", "")
        if state != "READY":
            return state, reason, 0
        parameters = self._triton.config(number)["parameters"]
        return state, reason, int(parameters[model_config.GENERATION]["string_value"])

    def _say(self, sentence: str) -> None:
        if sentence != self._said:
            self._said = sentence
            self._report(sentence)


def _fingerprint(folder: Path) -> Iterator[tuple[str, int, int]]:
    for path in sorted(folder.rglob("*")):
        status = path.stat()
        yield str(path.relative_to(folder)), status.st_size, status.st_mtime_ns


def _first_line(reason: str) -> str:
    return " ".join(reason.partition("\n\n")[0].split())[:300]
