"""One tick: check, decide, run, remember, notify. Each leaves one line for people."""

import dataclasses
import datetime
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from data import errors
from data.sources import registry as label_sources
from data.splits import folder
from pipeline import output_folder
from pipeline.outcome import summary
from pipeline.run import logs
from pipeline.scheduled import config as retrain_config
from pipeline.scheduled import decision, facts, notify, outcome_lines, run_process
from pipeline.scheduled import state as schedule_state

Say = Callable[[str], None]
Clock = Callable[[], datetime.datetime]
DELIVERIES_AT_THEIR_SLOWEST = 4
KEPT_LOGS = 200


class Runs(Protocol):
    """Runs the pipeline, see :meth:`run_process.Runner.run`."""

    def __call__(self, arguments: list[str], log: Path, lock: int, timeout_s: float) -> int:
        """Returns the exit code."""


class Retraining:
    """The retraining of one model.

    Args:
      command: the settings.
      clock: the time now, with time zone.
      say: receives each line for people.
      run: runs the pipeline.
    """

    def __init__(self, command: retrain_config.Command, clock: Clock, say: Say, run: Runs) -> None:
        self._command, self._clock, self._say, self._run = command, clock, say, run
        self._place = facts.Place.of(command)
        self._store = self._place.store
        self._last_line = ""
        self._last_seen = ""

    def state(self) -> schedule_state.State:
        """Returns the saved state; prints a line if a time in it had to be corrected."""
        state = self._store.load()
        for line in schedule_state.correct(state, self._clock()):
            self._tell(line)
        return state

    def tick(self) -> int:
        """Checks once, and trains if there is a reason.

        Returns:
          The exit code of the run; 0 if none was needed.
        """
        with self._store.lock() as lock:
            if lock is None:
                self._say("The last run is still under way; this tick is skipped.")
                return 0
            state = self.state()
            state.last_tick = self._clock()
            try:
                listing = self._scan()
            except errors.DataError as error:
                return self._unreadable(state, error)
            self._adopt(state, listing)
            code = self._decide(state, listing, lock)
            self._deliver(state)
            return code

    def _decide(self, state: schedule_state.State, listing: folder.Listing, lock: int) -> int:
        command, config = self._command, self._command.config
        known = facts.gather(command, self._place, state, listing, self._clock())
        decided = decision.decide(known, config.triggers, config.attempts)
        if decided.kind == "too_few":
            drift = facts.embedding_drift(command, self._place, state, listing)
            known = dataclasses.replace(known, drifts=(drift,) if drift else ())
            decided = decision.decide(known, config.triggers, config.attempts)
        if decided.run and self._is_moving(listing):
            self._tell("The folder is still changing; waiting until it is stable.")
            self._store.save(state)
            return 0
        if decided.run:
            return self._train(state, listing, decided, lock)
        line = ". ".join([decided.reason, *decided.others])
        if self._tell(f"{line.rstrip('.')}."):
            self._note(decided.kind, decided.reason)
        if decided.kind == "unusable" and state.reported != listing.fingerprint():
            state.reported = listing.fingerprint()
            self._announce(state, "failure", decided.reason, "")
        self._store.save(state)
        return 0

    def _is_moving(self, listing: folder.Listing) -> bool:
        """Returns whether files may still be arriving, if neither spans nor a schedule show it."""
        if self._command.mode != "--watch" or listing.spans:
            return False
        before, self._last_seen = self._last_seen, listing.fingerprint()
        return before != self._last_seen

    def _train(
        self,
        state: schedule_state.State,
        listing: folder.Listing,
        decided: decision.Decision,
        lock: int,
    ) -> int:
        now, output_dir = self._clock(), self._place.output_dir
        before = run_process.read_summary(output_dir)
        attempt = schedule_state.Attempt(
            key=facts.attempt_key(listing, self._command),
            fingerprint=listing.fingerprint(),
            reason=state.under_way.reason if state.under_way else decided.reason,
            started=now,
            summary_before=before.run_id if before else None,
        )
        state.under_way = attempt
        self._store.save(state)
        self._tell(f"Training. {'. '.join([decided.reason, *decided.others])}.")
        log = output_folder.OutputFolder(output_dir).scheduled_log(now)
        logs.prune(log.parent, output_folder.SCHEDULED_LOGS, KEPT_LOGS)
        config = self._command.config
        code = self._run(config.run_arguments(), log, lock, config.timeout_s)
        after = run_process.read_summary(output_dir)
        if after and after.run_id == attempt.summary_before:
            after = None
        if code in run_process.FINISHED and after is None:
            code = 1  # it cannot have ended well without a summary
        result = run_process.Result(code, after, log)
        self._finish(state, attempt, result, decided.kind, listing)
        return code

    def _adopt(self, state: schedule_state.State, listing: folder.Listing) -> None:
        """Adopts the outcome of a run that outlived the scheduler which started it."""
        attempt = state.under_way
        found = run_process.read_summary(self._place.output_dir)
        if attempt is None or found is None or found.run_id == attempt.summary_before:
            return
        if found.status == "partial":  # a person ran some of the steps since; there was no decision
            return
        if found.fingerprint == attempt.fingerprint == listing.fingerprint():
            codes = {"succeeded": 0, "not_blessed": 3, "failed": 1}
            log = output_folder.OutputFolder(self._place.output_dir).log(found.run_id)
            result = run_process.Result(codes[found.status], found, log)
            self._finish(state, attempt, result, "retry", listing)

    def _finish(
        self,
        state: schedule_state.State,
        attempt: schedule_state.Attempt,
        result: run_process.Result,
        kind: str,
        listing: folder.Listing,
    ) -> None:
        """Saves the outcome of a run, and notifies."""
        code, found = result.exit_code, result.summary
        event: retrain_config.Event | None = None
        if code == run_process.INTERRUPTED:
            line = "Interrupted; the next tick continues it."
        elif code == run_process.LOCKED:
            state.under_way = None
            line = "Another run uses the output folder; the next tick tries again."
        elif code in run_process.FINISHED and found is not None:
            state.under_way = state.failed = None
            self._remember(state, found, listing)
            line = outcome_lines.line(found)
            event = "release" if found.pushed else "refusal" if code else None
        else:
            state.under_way = None
            line = f"Failed with exit code {code}: {result.message.rstrip('.')}. Log: {result.log}"
            event = "failure"
            self._count_failure(state, attempt, result)
        if event:
            self._announce(state, event, line, attempt.reason, found)
        self._store.save(state)
        self._tell(line)
        self._note(kind, attempt.reason, exit_code=code, outcome=line, **outcome_lines.row(found))

    def _remember(
        self, state: schedule_state.State, found: summary.Summary, listing: folder.Listing
    ) -> None:
        """Marks the images that were trained on as no longer new."""
        # A span may have been completed while the run began: its fingerprint shows that.
        for candidate in (listing, self._scan()):
            if candidate.fingerprint() == found.fingerprint:
                listing = candidate
                break
        self._place.memory.remember(listing, found.blessed)
        state.fingerprint = listing.fingerprint()
        state.class_counts = facts.counts(listing)
        if found.blessed:
            state.released_counts = state.class_counts
        state.finished = self._clock()
        if found.pushed:
            state.releases[found.pushed.version] = self._clock()
            if found.mean_score is not None:
                state.mean_scores[found.pushed.version] = found.mean_score
            if found.predictions:
                state.predictions[found.pushed.version] = found.predictions

    def _count_failure(
        self,
        state: schedule_state.State,
        attempt: schedule_state.Attempt,
        result: run_process.Result,
    ) -> None:
        before = state.failed.count if state.failed and state.failed.key == attempt.key else 0
        state.failed = schedule_state.Failed(
            key=attempt.key,
            exit_code=result.exit_code,
            count=before + 1,
            message=result.message,
        )

    def _unreadable(self, state: schedule_state.State, error: errors.DataError) -> int:
        """Returns the data folder cannot be listed at all, as where a disk is not mounted."""
        line = " ".join(str(error).split())
        if self._tell(line):
            self._note("failure", line)
        if state.reported != line:
            state.reported = line
            self._announce(state, "failure", line, "")
        self._store.save(state)
        self._deliver(state)
        return error.exit_code

    def _scan(self) -> folder.Listing:
        return label_sources.scan(self._place.asked)

    def _tell(self, line: str) -> bool:
        """Prints a line; with --watch, not the same one repeatedly."""
        if self._command.mode == "--watch" and line == self._last_line:
            return False
        self._last_line = line
        self._say(line)
        return True

    def _note(self, kind: str, reason: str, **more: Any) -> None:
        now = self._clock().isoformat(timespec="seconds")
        self._store.note({"time": now, "decision": kind, "reason": reason, **more})

    def _announce(
        self,
        state: schedule_state.State,
        event: retrain_config.Event,
        line: str,
        reason: str,
        found: summary.Summary | None = None,
    ) -> None:
        """Keeps a notification until it is delivered."""
        config = self._command.config.notify
        if event in config.events and (config.command or config.webhook or config.webhook_variable):
            payload = outcome_lines.notification(
                event, line, self._place.name, reason, self._clock(), found
            )
            state.unsent.append(payload)

    def _deliver(self, state: schedule_state.State) -> None:
        """Sends the pending notifications; those that fail are tried again at the next tick."""
        config = self._command.config.notify
        kept, problems = [], []
        # Pending notifications must not delay the next tick, however slow each delivery is.
        deadline = time.monotonic() + DELIVERIES_AT_THEIR_SLOWEST * config.timeout_s
        for payload in state.unsent:
            found = ["There was no time left."]
            if time.monotonic() < deadline:
                found = notify.deliver(payload, config)
            if found:
                kept.append(payload)
                problems.append(f"Not notified of the {payload.get('event')}: {' '.join(found)}")
        if problems:
            more = f" (and {len(problems) - 1} more wait)" if len(problems) > 1 else ""
            self._say(f"{problems[0]}{more}")
        if kept != state.unsent:
            state.unsent = kept
            self._store.save(state)
