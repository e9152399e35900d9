"""The origin of a pushed version, and the differences between two runs."""

import enum
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from data import errors, formats
from data.files import read_back
from pipeline import output_folder
from pipeline.history import mlmd
from pipeline.outcome import summary
from pipeline.settings import nested
from serving import served_version
from tasks import task

INGEST = "ImageFolderExampleGen"
# Different in every run, or without influence on it.
_UNTOLD = ("output_dir",)


class State(enum.Enum):
    """The current place of a pushed version; the value is shown to a user."""

    SERVED = "in serving"
    KEPT = "kept"
    WITHDRAWN = "withdrawn"
    DELETED = "deleted"


@dataclass(frozen=True)
class Origin:
    """The origin of a version.

    Attributes:
      version: its number.
      model_name: the name of the model.
      place: the folder that it was pushed to.
      state: the current place of the version.
      run_id: the run that pushed it.
      data_dir: the ingested folder.
      fingerprint: the fingerprint of that folder's listing.
      steps: the steps that made and judged it, in order.
    """

    version: str
    model_name: str
    place: Path
    state: State
    run_id: str
    data_dir: str
    fingerprint: str
    steps: list[mlmd.Step]


@dataclass(frozen=True)
class Difference:
    """One difference between two runs."""

    what: str
    first: str
    second: str


def pushed(past: mlmd.Past) -> dict[int, mlmd.Artifact]:
    """Returns artifact → the record that a version was pushed; the oldest first."""
    return {
        number: artifact
        for number, artifact in sorted(past.artifacts.items())
        if artifact.type_name == "PushedModel" and artifact.properties.get("pushed")
    }


def origin(past: mlmd.Past, version: str, model_name: str | None = None) -> Origin:
    """Returns the origin of a version.

    Raises:
      errors.UserError: no run pushed it, or several models have a version of this number.
    """
    rows = [
        (number, artifact)
        for number, artifact in pushed(past).items()
        if str(artifact.properties["pushed_version"]) == version
        and model_name in (None, place(artifact).parent.name)
    ]
    if not rows:
        known = [str(one.properties["pushed_version"]) for one in pushed(past).values()]
        raise errors.UserError(
            f"No run pushed a version {version!r}; pushed were: {', '.join(known) or 'none'}."
        )
    names = sorted({place(artifact).parent.name for _, artifact in rows})
    if len(names) > 1:
        raise errors.UserError(
            f"Several models have a version {version}: {', '.join(names)}; choose by --model."
        )
    number, artifact = rows[-1]
    pusher = past.maker(number)
    run_id = pusher.run_id if pusher else ""
    steps = past.behind(run_id)
    ingest = next((step for step in steps if step.name == INGEST), None)
    return Origin(
        version,
        names[0],
        place(artifact),
        state_of(place(artifact)),
        run_id,
        str(ingest.settings.get("input_base", "")) if ingest else "",
        ingest.setting("fingerprint") if ingest else "",
        steps,
    )


def state_of(place: Path) -> State:
    """Returns the place of a pushed version: serving, kept beside it, withdrawn, or gone."""
    if (place.parent / served_version.WITHDRAWN / place.name).is_dir():
        return State.WITHDRAWN
    if not place.is_dir():
        return State.DELETED
    is_served = place.name == str(served_version.served(place.parent))
    return State.SERVED if is_served else State.KEPT


def run_of(past: mlmd.Past, name: str) -> str:
    """Returns the run that is named by a run id, or by the version that it pushed.

    Raises:
      errors.UserError: there is none.
    """
    if name in past.runs():
        return name
    versions = [str(one.properties["pushed_version"]) for one in pushed(past).values()]
    if name in versions:
        return origin(past, name).run_id
    raise errors.UserError(
        f"{name!r} is neither a run nor a pushed version; the runs are"
        f" {', '.join(past.runs()) or 'none'}."
    )


def outcome(output: Path, run_id: str) -> summary.Summary | None:
    """Reads the outcome of a run; None if it was killed, or another release wrote it."""
    return summary.read(output_folder.OutputFolder(output).run_summary(run_id))


def settings(output: Path, run_id: str) -> dict[str, Any]:
    """Reads the resolved configuration of a run, flat; empty if it cannot be read."""
    path = output_folder.OutputFolder(output).run_config(run_id)
    try:
        return read_back.yaml_file(
            path, "configuration of a run", lambda found: nested.flat(dict(found))
        )
    except read_back.AbsentError:
        return {}
    except read_back.ReadError as error:
        logging.warning("%s It is ignored.", error)
        return {}


def compare(past: mlmd.Past, output: Path, first: str, second: str) -> list[Difference]:
    """Returns the differences between two runs: data, settings, code and results.

    Args:
      past: the runs in ML Metadata.
      output: the output directory.
      first: a run id.
      second: another run id.
    """
    one, two = _facts(past, output, first), _facts(past, output, second)
    return [
        Difference(name, one.get(name, ""), two.get(name, ""))
        for name in dict.fromkeys([*one, *two])
        if one.get(name, "") != two.get(name, "")
    ]


def _facts(past: mlmd.Past, output: Path, run_id: str) -> dict[str, str]:
    steps = {step.name: step for step in past.runs()[run_id]}
    facts = {}
    if INGEST in steps:
        facts["data: folder"] = str(steps[INGEST].settings.get("input_base", ""))
        facts["data: fingerprint"] = steps[INGEST].setting("fingerprint")
    found = outcome(output, run_id)
    if found:
        facts |= {f"data: {split} images": str(count) for split, count in found.examples.items()}
        facts["data: in quarantine"] = str(found.quarantined)
    if found and found.corrections:
        facts["data: corrected labels"] = str(sum(found.corrections.relabelled.values()))
        facts["data: dropped images"] = str(found.corrections.dropped)
    for name, value in settings(output, run_id).items():
        if name not in _UNTOLD:
            facts[f"setting: {name}"] = str(value)
    facts |= {f"code: {name}": step.setting("code") for name, step in steps.items()}
    if found:
        facts |= _results(found)
    return facts


def _results(found: summary.Summary) -> dict[str, str]:
    facts: dict[str, str] = {"decision": found.verdict or found.status}
    facts["pushed"] = found.pushed.version if found.pushed else ""
    if found.metrics:
        rates = task.load(found.task).panels.facts(found.metrics)
        facts |= {name: formats.percent(rate, undefined="undefined") for name, rate in rates}
    return facts


def place(artifact: mlmd.Artifact) -> Path:
    """Returns the folder that a version was pushed to."""
    return Path(str(artifact.properties["pushed_destination"]))
