"""All that a report shows, as plain values: the page and the model card read nothing else.

What the model was made of is in origin.py, what it is as a product in product.py. Rates, shares
and probabilities are in 0–1; None is what is undefined or was not measured. Names and paths may
hold anything that a file system allows.
Dimension letter: K classes.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from components.report import origin, product

Verdict = Literal["release", "refuse", "inconclusive"]


@dataclass(frozen=True)
class Estimate:
    """A figure and its interval, where it has one; ``value`` is None where it is undefined."""

    value: float | None
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Check:
    """One check of the release gate: what it says, and why in a sentence."""

    name: str
    verdict: Verdict
    message: str


@dataclass(frozen=True)
class Decision:
    """Whether the model may be served.

    Attributes:
      verdict: of all checks together.
      blessed: whether Pusher may push; differs from the verdict where a setting says so.
      headline: the decision in a sentence.
      checks: its reasons.
    """

    verdict: Verdict
    blessed: bool
    headline: str
    checks: tuple[Check, ...] = ()


@dataclass(frozen=True)
class Average:
    """Rates over all classes; ``name`` is "macro", "weighted" or "micro"."""

    name: str
    precision: Estimate
    recall: Estimate
    f1: Estimate


@dataclass(frozen=True)
class Column:
    """A metric: its name in files, its title, and whether it is read in per cent."""

    name: str
    title: str
    is_rate: bool = True


@dataclass(frozen=True)
class Metrics:
    """Figures of the whole test split.

    Attributes:
      images: how many it has.
      columns: the metrics to show, in their order.
      figures: metric → figure, of these at least.
      averages: over the classes.
      confidence: of all intervals in the report.
    """

    images: int
    columns: tuple[Column, ...]
    figures: Mapping[str, Estimate]
    averages: tuple[Average, ...] = ()
    confidence: float = 0.95


@dataclass(frozen=True)
class ClassRow:
    """Figures of one class, by metric."""

    name: str
    support: int
    figures: Mapping[str, Estimate]


@dataclass(frozen=True)
class Picture:
    """An image to show, by its path in the data folder, and a few words about it.

    ``image`` is a JPEG as a data URI, empty where it has gone; ``overlay`` is the same under its
    Grad-CAM heat map, empty where there is none.
    """

    path: str
    caption: str
    image: str
    overlay: str = ""


@dataclass(frozen=True)
class Confusion:
    """True against predicted classes, numbered as the class rows are.

    Attributes:
      counts: [K][K + 1]; rows are true classes, the last column counts images for which nothing
        was predicted.
      pictures: (true class, predicted class) → some images of that cell.
    """

    counts: tuple[tuple[int, ...], ...]
    pictures: Mapping[tuple[int, int], tuple[Picture, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class Bin:
    """One bar of a reliability diagram; see components/evaluator/reliability.py."""

    low: float
    high: float
    confidence: float | None
    accuracy: float | None
    count: int


@dataclass(frozen=True)
class Calibration:
    """How far probabilities can be believed.

    ``ece`` is the expected calibration error as served, with logits divided by ``temperature``;
    ``ece_before`` is that at a temperature of 1.
    """

    ece: float | None
    temperature: float | None
    bins: tuple[Bin, ...] = ()
    ece_before: float | None = None


@dataclass(frozen=True)
class Outliers:
    """What the model takes for none of its classes, by a score such as "energy".

    Beyond the threshold an image is flagged; it was set to leave a share of the eval images
    unflagged, ``coverage``. ``flagged`` is the share of the test images that are.
    """

    score: str
    threshold: float | None
    coverage: float | None
    flagged: float | None


@dataclass(frozen=True)
class Difference:
    """Candidate against served model; ``difference`` is candidate − served, −1 to 1."""

    name: str
    candidate: float | None
    served: float | None
    difference: Estimate


@dataclass(frozen=True)
class Comparison:
    """The candidate against the model that is served, on the same images.

    Attributes:
      served: names the served model; may be empty.
      images: how many.
      overall: whole-split measures, such as accuracy.
      classes: one measure of each class.
      class_measure: its name, such as "recall".
      margin: the loss that counts as none; None where none is set.
    """

    served: str
    images: int
    overall: tuple[Difference, ...]
    classes: tuple[Difference, ...] = ()
    class_measure: str = "recall"
    margin: float | None = None


@dataclass(frozen=True)
class RobustnessRow:
    """Accuracy under one corruption, and by how much it is below that without it, −1 to 1.

    Both are of ``images`` test images.
    """

    name: str
    accuracy: Estimate
    drop: float | None
    images: int


@dataclass(frozen=True)
class SliceRow:
    """Accuracy on the test images where a feature has a value."""

    feature: str
    value: str
    count: int
    accuracy: Estimate


@dataclass(frozen=True)
class Example:
    """A test image worth a look; see components/evaluator/mistakes.py."""

    picture: Picture
    label: str
    predicted: str
    probability: float | None
    label_probability: float | None


@dataclass(frozen=True)
class Content:
    """One run.

    Attributes:
      title: the model's name.
      run_id: names the run.
      source: what it was trained on.
      made: when, as it is to be read.
      columns: the metrics that each class has.
      model: (name, value) rows about the model: backbone, image size, version …
      intended_use: sentences for the model card; empty takes general ones.
      caveats: likewise, each a sentence, beside those that follow from the figures.
    """

    title: str
    run_id: str
    source: str
    made: str
    decision: Decision
    metrics: Metrics
    columns: tuple[Column, ...]
    classes: tuple[ClassRow, ...]
    confusion: Confusion
    data: origin.Data
    calibration: Calibration | None = None
    outliers: Outliers | None = None
    comparison: Comparison | None = None
    robustness: tuple[RobustnessRow, ...] = ()
    slices: tuple[SliceRow, ...] = ()
    mistakes: tuple[Example, ...] = ()
    uncertain: tuple[Example, ...] = ()
    label_errors: tuple[Example, ...] = ()
    training: origin.Training | None = None
    budget: tuple[product.BudgetLine, ...] = ()
    parity: product.Parity | None = None
    exports: tuple[product.Export, ...] = ()
    layers: tuple[origin.Layer, ...] = ()
    lineage: origin.Lineage = field(default_factory=origin.Lineage)
    model: origin.Pairs = ()
    intended_use: str = ""
    caveats: tuple[str, ...] = ()
