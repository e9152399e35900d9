"""Shows the history of an output directory: runs, the origin of a version, differences.

    python -m pipeline.history                     all runs
    python -m pipeline.history run RUN             the steps of one
    python -m pipeline.history lineage VERSION     from a pushed version back to data and code
    python -m pipeline.history compare A B         two runs, or two versions
    python -m pipeline.history clean --keep 5      delete the leftovers of older runs

Each takes --output-dir, output by default. A RUN may be named by the version that it pushed.
Exit codes: 0 done; 2 an argument or a file cannot be used.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from data import command_line, errors, formats
from pipeline import output_folder
from pipeline.history import cleaning, lineage, mlmd
from pipeline.outcome import summary
from pipeline.run import lock, terminal

_WIDTH = 160


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command; returns the exit code."""
    # A pipe or a file has no 80 columns.
    width = None if sys.stdout.isatty() else _WIDTH
    console = Console(width=width, highlight=False, markup=False, emoji=False)
    try:
        given = _parser().parse_args(arguments)
        given.run(given, console)
        return 0
    except errors.PipelineError as error:
        terminal.show_error(error)
        return error.exit_code
    except BrokenPipeError:  # head, and the like
        sys.stderr.close()
        return 0


def _parser() -> command_line.Parser:
    shared = command_line.Parser(add_help=False)
    shared.add_argument(
        "--output-dir",
        type=Path,
        default=Path("output"),
        metavar="DIR",
        help="output folder of the runs",
    )
    root = command_line.Parser(
        prog="python -m pipeline.history",
        description="Shows the runs of an output folder, and where pushed versions come from.",
        parents=[shared],
        allow_abbrev=False,
    )
    root.set_defaults(run=_runs)
    commands = root.add_subparsers(metavar="COMMAND")

    def command(name: str, run: Any, text: str) -> argparse.ArgumentParser:
        # SUPPRESS: --output-dir is accepted before and after the command.
        place = command_line.Parser(add_help=False)
        place.add_argument("--output-dir", type=Path, default=argparse.SUPPRESS, metavar="DIR")
        added = commands.add_parser(name, help=text, description=text, parents=[place])
        added.set_defaults(run=run)
        return added

    command("runs", _runs, "list all runs, the oldest first")
    command("run", _run, "show the steps of a run").add_argument("name", metavar="RUN")
    origin = command("lineage", _lineage, "trace a pushed version back to data, settings and code")
    origin.add_argument("version")
    origin.add_argument("--model", help="name of the model, if several have this version")
    origin.add_argument("--json", action="store_true", help="print JSON, with every setting")
    compare = command("compare", _compare, "show how two runs or versions differ")
    compare.add_argument("first", metavar="A")
    compare.add_argument("second", metavar="B")
    clean = command("clean", _clean, "delete the leftovers of older runs")
    clean.add_argument(
        "--keep", type=int, required=True, metavar="N", help="number of runs to keep"
    )
    clean.add_argument("--dry-run", action="store_true", help="only print what would be deleted")
    return root


def _runs(given: argparse.Namespace, console: Console) -> None:
    past = mlmd.read(given.output_dir)
    table = _table("run", "data", "steps", "decision")
    summaries = {run_id: lineage.outcome(given.output_dir, run_id) for run_id in past.runs()}
    titles = {found.headline.title for found in summaries.values() if found}
    figure = "".join(titles) if len(titles) == 1 else "figure"
    for name in (figure, "pushed", "seconds"):
        table.add_column(name, justify="right")
    for run_id, steps in past.runs().items():
        found = summaries[run_id]
        table.add_row(
            run_id,
            Path(found.data_dir).name if found else "",
            _steps(steps),
            (found.verdict or found.status) if found else "unfinished",
            _figure(found, len(titles) > 1) if found else "",
            found.pushed.version if found and found.pushed else "",
            f"{found.seconds:.0f}" if found else "",
        )
    console.print(table)


def _figure(found: summary.Summary, is_named: bool) -> str:
    """Returns the figure that represents a run, with its title where others have another one."""
    one = found.headline
    if one.value is None:
        return ""
    return f"{one.title} " * is_named + formats.percent(one.value)


def _steps(steps: list[mlmd.Step]) -> str:
    """Counts steps by state, such as "9 ran, 3 cached"."""
    states = [step.state for step in steps if not step.resolver]
    counts = {state: states.count(state) for state in ("ran", "cached", "failed", "running")}
    return ", ".join(f"{count} {state}" for state, count in counts.items() if count)


def _run(given: argparse.Namespace, console: Console) -> None:
    past = mlmd.read(given.output_dir)
    run_id = lineage.run_of(past, given.name)
    _print_steps(console, past, past.runs()[run_id])
    found = lineage.outcome(given.output_dir, run_id)
    if found:
        terminal.say(console, f"{found.verdict or found.status}:")
        terminal.say(console, *found.reasons, indent=2)
        if found.report:
            terminal.say(console, f"Report: {found.report}")


def _print_steps(console: Console, past: mlmd.Past, steps: list[mlmd.Step]) -> None:
    table = _table("step", "run", "state")
    table.add_column("seconds", justify="right")
    for name in ("code", "made"):
        table.add_column(name)
    for step in steps:
        if step.resolver:
            continue
        made = [past.artifacts[number] for number in step.outputs]
        table.add_row(
            step.name,
            step.run_id,
            step.state,
            f"{step.seconds:.1f}",
            step.setting("code")[:8],
            ", ".join(f"{one.type_name} {one.number}{'' if one.live else ' †'}" for one in made),
        )
    console.print(table)


def _lineage(given: argparse.Namespace, console: Console) -> None:
    past = mlmd.read(given.output_dir)
    found = lineage.origin(past, given.version, given.model)
    if given.json:
        console.print(json.dumps(_as_json(past, found), indent=1, default=str), soft_wrap=True)
        return
    outcome = lineage.outcome(given.output_dir, found.run_id)
    rows = {
        "version": f"{found.version} of {found.model_name}, {found.state.value}",
        "folder": found.place,
        "pushed by": f"run {found.run_id}",
        "decision": " ".join(outcome.reasons) if outcome else "",
        "data": f"{found.data_dir}, fingerprint {found.fingerprint}",
        "settings": output_folder.OutputFolder(given.output_dir).run_config(found.run_id),
    }
    for name, value in rows.items():
        console.print(f"{name:<10} {value}", soft_wrap=True)
    console.print()
    _print_steps(console, past, found.steps)


def _as_json(past: mlmd.Past, found: lineage.Origin) -> dict[str, Any]:
    steps = [
        {
            "step": step.name,
            "run_id": step.run_id,
            "execution": step.number,
            "seconds": step.seconds,
            "settings": step.settings,
            "inputs": step.inputs,
            "outputs": [vars(past.artifacts[number]) for number in step.outputs],
        }
        for step in found.steps
    ]
    return {**vars(found), "state": found.state.value, "steps": steps}


def _compare(given: argparse.Namespace, console: Console) -> None:
    past = mlmd.read(given.output_dir)
    first, second = (lineage.run_of(past, name) for name in (given.first, given.second))
    found = lineage.compare(past, given.output_dir, first, second)
    if not found:
        console.print(f"{first} and {second} do not differ in data, settings, code or results.")
        return
    table = _table("", first, second)
    for row in found:
        table.add_row(row.what, row.first, row.second)
    console.print(table)


def _clean(given: argparse.Namespace, console: Console) -> None:
    planned = cleaning.plan(given.output_dir, given.keep)
    mib = planned.size_bytes / 2**20
    what = f"{len(planned.artifacts)} artifacts and {len(planned.logs)} logs, {mib:,.1f} MiB"
    if not (planned.artifacts or planned.logs):
        console.print("Nothing to delete: newer runs and the pushed versions need everything.")
    elif given.dry_run:
        console.print(f"Would delete {what}:")
        for artifact in planned.artifacts:
            console.print(f"  {artifact.uri}", soft_wrap=True)
    else:
        with lock.held(given.output_dir, "history clean"):
            cleaning.carry_out(given.output_dir, cleaning.plan(given.output_dir, given.keep))
        console.print(f"Deleted {what}, of {len(planned.runs)} runs.")


def _table(*columns: str) -> Table:
    return Table(*columns, box=None, padding=(0, 2, 0, 0), header_style="bold")
