"""Floors: what a model must reach by itself, overall and on every class.

Dimension letters: N images, K classes.
"""

from collections.abc import Iterator

from components.evaluator import metrics
from components.predict import predictions
from components.release_gate import config as gate_config
from components.release_gate import decision

ACCURACY = "accuracy_floor"
PRECISION = "precision_floor"
RECALL = "recall_floor"
SMALL_CLASSES = "small_classes"


def check(
    candidate: predictions.Predictions, config: gate_config.GateConfig
) -> list[decision.Check]:
    """Holds a model's rates on the test images against the floors.

    The floors are for the rates as they are, whatever chance had to do with it.

    Args:
      candidate: its answers; the labels are those of the data, so that label_ids number them.
      config: the floors.
    """
    ids = zip(candidate.label_ids.tolist(), candidate.predicted_ids.tolist(), strict=True)
    confusion = metrics.confusion_matrix(((pair, 1) for pair in ids), len(candidate.labels))
    per_class = metrics.per_class(confusion, candidate.labels)
    checks = [_accuracy(metrics.accuracy(confusion), len(candidate.paths), per_class, config)]
    if config.min_precision is None and config.min_recall is None:
        return checks
    small = {
        name: found.support
        for name, found in per_class.items()
        if found.support < config.min_support
    }
    for name, found in per_class.items():
        if name not in small:
            checks += _class_checks(name, found, config)
    return [*checks, *_small_classes(small, config)]


def _accuracy(
    accuracy: float | None,
    count: int,
    per_class: dict[str, metrics.ClassMetrics],
    config: gate_config.GateConfig,
) -> decision.Check:
    floor = config.accuracy_floor(len(per_class))
    figures = {"rate": accuracy, "floor": floor, "images": count}
    if accuracy is None:
        return decision.Check(
            ACCURACY,
            "refuse",
            "There are no test images, so nothing is known of the model.",
            figures,
        )
    message = (
        f"Accuracy is {decision.percent(accuracy)} on {count:,} test images;"
        f" at least {decision.percent(floor)} is needed."
    )
    return decision.Check(ACCURACY, "release" if accuracy >= floor else "refuse", message, figures)


def _class_checks(
    name: str, found: metrics.ClassMetrics, config: gate_config.GateConfig
) -> Iterator[decision.Check]:
    images = f"{found.support:,} test images"
    for check_name, word, rate, floor, undefined in (
        (
            RECALL,
            "Recall",
            found.recall,
            config.min_recall,
            "there are no test images of it",
        ),
        (
            PRECISION,
            "Precision",
            found.precision,
            config.min_precision,
            f"the model never predicts it, though {images} are of it",
        ),
    ):
        if floor is None:
            continue
        needed = f"at least {decision.percent(floor)} is needed"
        figures = {
            decision.CLASS: name,
            "rate": rate,
            "floor": floor,
            "images": found.support,
        }
        if rate is None:
            message = f"{word} of {name!r} is undefined: {undefined}; {needed}."
        else:
            message = f"{word} of {name!r} is {decision.percent(rate)} on {images}; {needed}."
        good = rate is not None and rate >= floor
        yield decision.Check(check_name, "release" if good else "refuse", message, figures)


def _small_classes(
    small: dict[str, int], config: gate_config.GateConfig
) -> Iterator[decision.Check]:
    if not small:
        return
    named = ", ".join(f"{name!r} ({support})" for name, support in small.items())
    yield decision.Check(
        SMALL_CLASSES,
        "release",
        f"Not held to the floors of a class, having fewer than {config.min_support} test images:"
        f" {named}.",
        {"support": small},
    )
