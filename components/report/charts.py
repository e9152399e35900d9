"""Charts as shapes for inline SVG: training curves, a trend over runs.

Only geometry is computed here; chart.svg.jinja draws it, and the page's style sheet colours it,
so that one drawing works in light and dark mode. Positions are in the SVG's own pixels.
"""

from collections.abc import Mapping, Sequence

from components.report import training
from components.trainer import history as training_history
from data import formats
from tasks.pages import drawing
from tasks.statistics import averages


def curves(
    title: str,
    history: training_history.History,
    metrics: Mapping[str, str],
    is_rate: bool = False,
) -> drawing.Chart | None:
    """Draws up to two metrics of all phases on one axis of epochs, with the phases' borders.

    Args:
      title: the chart's.
      history: the phases.
      metrics: metric name → its name in the legend; the last one gets a ring at the kept epoch.
      is_rate: whether values are in 0–1 and shown in percent.

    Returns:
      None where no phase has a finite value of any of the metrics.
    """
    lengths = [phase.epochs for phase in training.phases(history)]
    series = {name: _joined(history, lengths, metric) for metric, name in metrics.items()}
    found = [value for values in series.values() for value in values if value is not None]
    if not found:
        return None
    marks = [mark for mark in drawing.ticks(min(found), max(found)) if mark <= 1 or not is_rate]
    y_axis = drawing.Axis(marks[0], max(marks[-1], max(found)), drawing.BOTTOM, drawing.TOP)
    x_axis = drawing.Axis(0.5, sum(lengths) + 0.5, drawing.LEFT, drawing.RIGHT)
    form = formats.percent if is_rate else formats.short
    paths, dots, legend = [], [], []
    for style, (name, values) in zip(("first", "second"), series.items(), strict=False):
        paths.append(drawing.Path(style, drawing.line(values, x_axis, y_axis)))
        dots += [
            drawing.Dot(
                style,
                x_axis.place(epoch),
                y_axis.place(value),
                f"{name}, epoch {epoch}: {form(value)}",
            )
            for epoch, value in enumerate(values, 1)
            if value is not None
        ]
        legend.append((style, name))
    kept = training.kept_epoch(history)
    if len(series) > 1 and kept and (value := values[kept - 1]) is not None:
        dots.append(
            drawing.Dot("kept", x_axis.place(kept), y_axis.place(value), f"kept: epoch {kept}", 5)
        )
        legend.append(("kept", "kept"))
    grid, labels = drawing.grid(
        marks, y_axis, [formats.tick(v) if is_rate else f"{v:g}" for v in marks]
    )
    borders, names = _phases(history, x_axis)
    return drawing.Chart(
        title=title,
        description=f"{title} ({', '.join(series)}) over {sum(lengths)} epochs",
        height=drawing.HEIGHT,
        legend=tuple(legend) if len(series) > 1 else (),
        rectangles=(),
        paths=(*grid, *borders, *paths),
        dots=tuple(dots),
        labels=(*labels, *names, *drawing.counted(sum(lengths), x_axis, "epoch")),
    )


def trend(title: str, runs: Sequence[tuple[str, float | None, bool]]) -> drawing.Chart | None:
    """Draws a rate over runs, oldest first.

    Args:
      title: the chart's title.
      runs: (tooltip, rate, whether to fill the dot).

    Returns:
      None where no run has the rate.
    """
    values = [averages.known(value) for _, value, _ in runs]
    found = [value for value in values if value is not None]
    if not found:
        return None
    marks = [mark for mark in drawing.ticks(min(found), max(found)) if 0 <= mark <= 1]
    y_axis = drawing.Axis(
        min(marks[0], *found), max(marks[-1], *found, marks[0] + 1e-3), drawing.BOTTOM, drawing.TOP
    )
    x_axis = drawing.Axis(0.5, len(runs) + 0.5, drawing.LEFT, drawing.RIGHT)
    grid, labels = drawing.grid(marks, y_axis, [formats.tick(mark) for mark in marks])
    dots = [
        drawing.Dot("first" if filled else "hollow", x_axis.place(index), y_axis.place(value), text)
        for index, (value, (text, _, filled)) in enumerate(zip(values, runs, strict=True), 1)
        if value is not None
    ]
    return drawing.Chart(
        title=title,
        description=f"{title} of {len(found)} runs, oldest first",
        height=drawing.HEIGHT,
        legend=(("filled", "pushed"), ("hollow", "not pushed")),
        rectangles=(),
        paths=(*grid, drawing.Path("first", drawing.line(values, x_axis, y_axis))),
        dots=tuple(dots),
        labels=(*labels, *drawing.counted(len(runs), x_axis, "run, oldest first")),
    )


def _joined(
    history: training_history.History, lengths: Sequence[int], metric: str
) -> list[float | None]:
    """Joins a metric of all phases; None for epochs where it is missing or infinite."""
    values: list[float | None] = []
    for phase, length in zip(history.phases.values(), lengths, strict=True):
        own = [averages.known(value) for value in phase.get(metric, ())]
        values += own + [None] * (length - len(own))
    return values


def _phases(
    history: training_history.History, axis: drawing.Axis
) -> tuple[list[drawing.Path], list[drawing.Label]]:
    """Returns dashed lines between the phases, and their names above."""
    borders, names, done = [], [], 0
    for index, phase in enumerate(training.phases(history)):
        if index:
            borders.append(
                drawing.Path(
                    "border", f"M{axis.place(done + 0.5)} {drawing.TOP - 14}V{drawing.BOTTOM}"
                )
            )
        text = phase.name + (" (kept)" if phase.is_kept else "")
        names.append(drawing.Label(axis.place(done + 0.5) + 4, drawing.TOP - 6, "start", text))
        done += phase.epochs
    return borders, names
