"""Reliability diagram as shapes for inline SVG; ``chart.svg.jinja`` draws it."""

from collections.abc import Sequence

from data import formats
from tasks.pages import drawing
from tasks.statistics import reliability

# The diagram is square, with a strip of counts under it.
SQUARE_HEIGHT, SQUARE_BOTTOM, STRIP_TOP, STRIP_BOTTOM = 424, 326, 350, 388


def draw(
    bins: Sequence[reliability.Bin],
    share: str = "accuracy",
    counted: str = "images",
) -> drawing.Chart | None:
    """Draws the share of correct answers over their confidence, and each bin's count.

    Args:
      bins: the bins.
      share: the name of the share of correct answers.
      counted: what the answers are about, in the plural.

    Returns:
      None where all bins are empty.
    """
    total = sum(one.count for one in bins)
    if not total:
        return None
    x_axis = drawing.Axis(0, 1, drawing.LEFT, drawing.RIGHT)
    y_axis = drawing.Axis(0, 1, SQUARE_BOTTOM, drawing.TOP)
    most = max(one.count for one in bins)
    strip = drawing.Axis(0, most, STRIP_BOTTOM, STRIP_TOP)
    marks = [0, 0.2, 0.4, 0.6, 0.8, 1]
    grid, labels = drawing.grid(marks, y_axis, [formats.tick(mark) for mark in marks])
    rectangles, paths = [], []
    for one in bins:
        left, right = x_axis.place(one.low) + 1, x_axis.place(one.high) - 1
        title = _bin_title(one, share, counted)
        for style, axis, value in (("bar", y_axis, one.accuracy), ("count", strip, one.count)):
            if value is not None and one.count:
                top, bottom = axis.place(value), axis.start
                rectangles.append(
                    drawing.Rectangle(
                        style, left, top, round(right - left, 1), round(bottom - top, 1), title
                    )
                )
        if one.confidence is not None:
            level = y_axis.place(one.confidence)
            paths.append(drawing.Path("second", f"M{left:.1f} {level}H{right:.1f}"))
    diagonal = f"M{drawing.LEFT} {SQUARE_BOTTOM}L{drawing.RIGHT} {drawing.TOP}"
    base = f"M{drawing.LEFT} {STRIP_BOTTOM}H{drawing.RIGHT}"
    return drawing.Chart(
        title=f"{share.capitalize()} by confidence",
        description=f"Reliability diagram of {total} {counted} in {len(bins)} bins",
        height=SQUARE_HEIGHT,
        legend=(("first", share), ("second", "mean confidence")),
        rectangles=tuple(rectangles),
        paths=(*grid, drawing.Path("grid", base), drawing.Path("border", diagonal), *paths),
        dots=(),
        labels=(
            *labels,
            *(
                drawing.Label(x_axis.place(mark), STRIP_BOTTOM + 14, "middle", formats.tick(mark))
                for mark in marks
            ),
            drawing.Label(drawing.LEFT - 6, STRIP_TOP + 4, "end", formats.count(most)),
            drawing.Label(drawing.LEFT - 6, STRIP_BOTTOM + 3, "end", "0"),
            drawing.Label(drawing.RIGHT, SQUARE_HEIGHT - 4, "end", "confidence"),
            drawing.Label(
                drawing.LEFT, SQUARE_HEIGHT - 4, "start", f"below: {counted} in each bin"
            ),
        ),
    )


def _bin_title(one: reliability.Bin, share: str, counted: str) -> str:
    return (
        f"{formats.tick(one.low)} to {formats.tick(one.high)}: confidence"
        f" {formats.percent(one.confidence)}, {share} {formats.percent(one.accuracy)},"
        f" {formats.count(one.count)} {counted}"
    )
