"""Two reports to render: one as a real run makes it, one as bad as the types allow."""

import base64
import io
import math
from collections.abc import Callable

import numpy as np
from PIL import Image

from components.report import content, origin, product
from components.report import index as run_index
from components.report.content import Estimate

NAMES = ("cardboard", "glass", "metal", "paper", "plastic", "trash")
COUNTS = (
    (58, 0, 1, 2, 0, 0, 0),
    (0, 69, 2, 0, 4, 0, 0),
    (0, 2, 57, 1, 1, 1, 0),
    (3, 0, 1, 84, 0, 1, 0),
    (0, 5, 1, 1, 65, 1, 0),
    (0, 1, 1, 2, 2, 15, 0),
)
WHOLE = (
    content.Column("accuracy", "accuracy"),
    content.Column("top_k_accuracy", "right class among the top 2"),
    content.Column("log_loss", "log loss", is_rate=False),
)
COLUMNS = (
    content.Column("precision", "precision"),
    content.Column("recall", "recall"),
    content.Column("f1", "F1"),
    content.Column("auc", "AUC", is_rate=False),
    content.Column("pr_auc", "PR-AUC", is_rate=False),
)
Painter = Callable[[str, int], tuple[str, str]]

SCRIPT = "<script>alert(1)</script>"
RIGHT_TO_LEFT = "\u202eשלום <b>عربي</b>"
HOSTILE = (
    SCRIPT,
    "\"><img src=x onerror='alert(1)'>",
    "🐈‍⬛ cats & dogs 🐕",
    RIGHT_TO_LEFT,
    "x" * 200,
    "bytes \udcff\udcfe.jpg",
    "{{ 7 * 7 }}{% raw %}",
    "a|b`c`*d*_e_[f](javascript:alert(1))",
    "line\nend\tand tab",
    "</style></script><!--",
    "]]> &amp; &lt;",
    "# $x$ ~~y~~ \\",
)


def painted(text: str, seed: int) -> tuple[str, str]:
    """A picture and its overlay as data URIs: two shades, then the same reddened."""
    rng = np.random.default_rng([seed, *text.encode("utf-8", "replace")])
    pixels = np.full((48, 48, 3), rng.integers(60, 200, 3), np.uint8)
    top, left = rng.integers(4, 24, 2)
    pixels[top : top + 20, left : left + 20] = rng.integers(0, 256, 3)
    heated = pixels.copy()
    heated[top : top + 20, left : left + 20, 0] = 255
    return data_uri(Image.fromarray(pixels)), data_uri(Image.fromarray(heated))


def data_uri(image: Image.Image) -> str:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=80)
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode()


def rate(hits: float, total: float) -> Estimate:
    """A rate with its Wilson interval at 95 %."""
    if not total:
        return Estimate(None)
    share, square = hits / total, 1.96**2
    middle = (share + square / (2 * total)) / (1 + square / total)
    half = 1.96 / (1 + square / total)
    half *= math.sqrt(share * (1 - share) / total + square / (4 * total * total))
    return Estimate(share, middle - half, middle + half)


def picture(name: str, number: int, painter: Painter, caption: str = "") -> content.Picture:
    image, overlay = painter(name, number)
    return content.Picture(f"{name}/{name}{number}.jpg", caption, image, overlay)


def class_rows() -> tuple[content.ClassRow, ...]:
    rows = []
    for index, name in enumerate(NAMES):
        hits, support = COUNTS[index][index], sum(COUNTS[index])
        called = sum(row[index] for row in COUNTS)
        auc = 0.999 - 0.004 * (support - hits)
        f1 = rate(2 * hits, support + called)
        rows.append(
            content.ClassRow(
                name,
                support,
                {
                    "precision": rate(hits, called),
                    "recall": rate(hits, support),
                    "f1": f1,
                    "auc": Estimate(auc),
                    "pr_auc": Estimate(auc - 0.03),
                },
            )
        )
    return tuple(rows)


def metrics() -> content.Metrics:
    images = sum(map(sum, COUNTS))
    hits = sum(COUNTS[index][index] for index in range(len(NAMES)))
    averages = tuple(
        content.Average(
            name,
            *(
                Estimate(base + shift, base + shift - 0.026, base + shift + 0.024)
                for shift in (0.004, -0.003, 0)
            ),
        )
        for name, base in (("macro", 0.8871), ("weighted", 0.9122), ("micro", hits / images))
    )
    figures = {
        "accuracy": rate(hits, images),
        "top_k_accuracy": Estimate(0.9710, 0.9515, 0.9829),
        "log_loss": Estimate(0.2784),
    }
    return content.Metrics(images, WHOLE, figures, averages)


def training() -> origin.Training:
    phases = {}
    for name, length, start, end, speed in (
        ("head", 12, 1.61, 0.46, 9400.0),
        ("fine_tune", 8, 0.44, 0.21, 148.0),
    ):
        steps = np.linspace(0, 1, length)
        loss = end + (start - end) * np.exp(-4 * steps)
        held = loss + 0.02 + 0.11 * steps**2
        phases[name] = {
            "loss": loss.tolist(),
            "accuracy": (1 - 0.36 * loss).tolist(),
            "val_loss": held.tolist(),
            "val_accuracy": (1 - 0.33 * held).tolist(),
            "learning_rate": (1e-3 * (1 if name == "head" else 0.4) * (1 - 0.9 * steps)).tolist(),
            "images_per_s": [speed + index for index in range(length)],
        }
    return origin.Training(phases, "fine_tune", ("Started from the backbone's weights.",))


def bins() -> tuple[content.Bin, ...]:
    counts = (0, 0, 0, 1, 3, 6, 9, 9, 11, 12, 16, 21, 31, 58, 204)
    return tuple(
        content.Bin(
            low=index / 15,
            high=(index + 1) / 15,
            confidence=(index + 0.5) / 15 if count else None,
            accuracy=min(1.0, max(0.0, (index + 0.4) / 15 + (-1) ** index * 0.3 / count**0.5))
            if count
            else None,
            count=count,
        )
        for index, count in enumerate(counts)
    )


def comparison() -> content.Comparison:
    rows = [("accuracy", 0.9134, 0.9003), ("macro F1", 0.8871, 0.8710)]
    shifts = (0.016, 0.013, -0.016, 0.022, 0.027, 0.0)
    return content.Comparison(
        served="trash6/1925010101",
        images=381,
        overall=tuple(
            content.Difference(
                name, new, old, Estimate(new - old, new - old - 0.016, new - old + 0.017)
            )
            for name, new, old in rows
        ),
        classes=tuple(
            content.Difference(
                row.name,
                row.figures["recall"].value,
                row.figures["recall"].value - shift,
                Estimate(shift, shift - 0.045, shift + 0.04),
            )
            for row, shift in zip(class_rows(), shifts, strict=True)
        ),
        margin=0.02,
    )


def layers() -> tuple[origin.Layer, ...]:
    rows = [origin.Layer("image", "InputLayer", None, None, None, 160, 3, 0, 0, 1)]
    for index in range(150):
        side, channels = 80 >> index // 40, 32 * (1 + index // 30)
        rows.append(
            origin.Layer(
                f"efficientnet_lite0_block{index}_depthwise",
                "DepthwiseConv2D",
                *(3, 1, 2, side, channels, 9 * channels, 9 * channels * side * side, 7 + 8 * index),
                full_multiply_adds=9 * channels * channels * side * side,
                saving=7.9,
            )
        )
    return tuple(rows)


def examples(painter: Painter, first: int, count: int) -> tuple[content.Example, ...]:
    rows = []
    for index in range(count):
        label, predicted = NAMES[index % 6], NAMES[(index + 1 + index // 6) % 6]
        probability = 0.97 - 0.021 * index
        image = picture(label, first + index, painter)
        rows.append(content.Example(image, label, predicted, probability, (1 - probability) / 3))
    return tuple(rows)


def real(painter: Painter = painted) -> content.Content:
    """A run on six classes of trash."""
    pictures = {
        (true, predicted): tuple(
            picture(
                NAMES[true],
                10 * predicted + number,
                painter,
                f"{96 - 7 * number}% {NAMES[predicted]}",
            )
            for number in range(min(count, 4))
        )
        for true, row in enumerate(COUNTS)
        for predicted, count in enumerate(row)
        if count
    }
    checks = (
        ("accuracy", "release", "The accuracy is 91.3%, 88.1 to 93.7; at least 70.0% is needed."),
        ("recall of each class", "release", "The lowest is 71.4%, of trash; 50.0% is needed."),
        (
            "served model",
            "inconclusive",
            "The recall of metal is 1.6 points below the served model's, −6.1 to 2.4; a loss of 2.0 can be neither shown nor ruled out with 62 images.",
        ),
        ("parity", "release", "All 5 stages agree within 1e-4 on 27 golden images."),
        ("budget", "release", "Size, latency and memory are within their limits."),
    )
    return content.Content(
        title="trash6_256px",
        run_id="20310501-093012-417",
        source="/data/trash6_256px",
        made="1 May 2031, 09:34 UTC",
        decision=content.Decision(
            "inconclusive", True, "One check could not decide; the setting lets such a model pass.",
            tuple(content.Check(*check) for check in checks),
        ),
        metrics=metrics(),
        columns=COLUMNS,
        classes=class_rows(),
        confusion=content.Confusion(COUNTS, pictures),
        data=data(),
        calibration=content.Calibration(0.0213, 1.184, bins(), 0.0391),
        outliers=content.Outliers("energy", -3.127, 0.95, 0.0525),
        comparison=comparison(),
        robustness=tuple(
            content.RobustnessRow(name, rate(hits, 381), (348 - hits) / 381, 381)
            for name, hits in (("none", 348), ("JPEG quality 30", 341), ("blur 2 px", 325), ("brightness +30%", 344), ("brightness −30%", 339), ("rotation 10°", 332))
        ),
        slices=tuple(
            content.SliceRow(feature, value, count, rate(hits, count))
            for feature, value, count, hits in (("image size", "up to 192 px", 41, 35), ("image size", "above 192 px", 340, 313), ("source span", "1", 240, 222), ("source span", "2", 141, 126))
        ),
        mistakes=examples(painter, 200, 15),
        uncertain=examples(painter, 300, 6),
        label_errors=examples(painter, 400, 3),
        training=training(),
        budget=(
            product.BudgetLine("model size", 15.8, 50.0, "MiB", True, "The SavedModel's files."),
            product.BudgetLine("latency, p99", 41.2, 100.0, "ms", True, "Of single requests; the median is 33.0 ms."),
            product.BudgetLine("memory", 812.0, None, "MiB", True, "Of the process that answered, at its peak."),
        ),
        parity=product.Parity(27, 1e-4, tuple(product.ParityStage(name, value, True) for name, value in (("the SavedModel, one batch", 3.1e-6), ("the SavedModel, one by one", 2.9e-6), ("serve_examples", 3.1e-6), ("the running server", 4.4e-6)))),
        exports=(
            product.Export("tflite_float16", "model_float16.tflite", 8_912_896, 0.0021, 1.0, True, "It gives the label of the training graph on 100.0% of 226 images."),
            product.Export("tflite_int8", "model_int8.tflite", 5_242_880, 0.112, 0.9735, True, "It gives the label of the training graph on 97.4% of 226 images."),
        ),
        layers=layers(),
        lineage=origin.Lineage(
            (
                ("data", (("fingerprint", "9f2c" * 16), ("images", "2,527"), ("span", "2"))),
                ("code", (("source", "41be07ce" * 5), ("Python", "3.10.14"), ("TensorFlow", "2.16.2"), ("Keras", "3.12.4"), ("TFX", "1.16.0"))),
                ("seeds and times", (("seed", "0"), ("started", "1 May 2031, 09:30 UTC"), ("training", "2:41 min"), ("whole run", "4:05 min"))),
            ),
            "data_dir: /data/trash6_256px\nseed: 0\ntrain:\n  backbone: efficientnet_lite0\n  size_px: 160\n  head_epochs: 12\n",
        ),
        model=(("backbone", "efficientnet_lite0"), ("image size", "160 px"), ("parameters", "3.4M"), ("version", "1925010203")),
    )  # fmt: skip


def data() -> origin.Data:
    parts = (("train", 4.0), ("eval", 0.8), ("test", 1.0))
    return origin.Data(
        examples={
            part: {name: int(factor * sum(COUNTS[index])) for index, name in enumerate(NAMES)}
            for part, factor in parts
        },
        findings=(
            origin.Finding("quarantine", "7 images are copies of another one in the same class.", 7),
            origin.Finding("warn", "The class trash has 121 images, 4.2 times fewer than paper.", 1),
        ),
        quarantine=(
            origin.Reason("duplicate", 7, "taken out by checks.duplicates"),
            origin.Reason("truncated", 2, "the file ends before the image does"),
        ),
        page="../findings/findings.html",
    )  # fmt: skip


def hostile() -> content.Content:
    """60 classes with hostile names, nothing defined, nothing measured but a few pictures."""
    count = 60
    names = [HOSTILE[index] if index < len(HOSTILE) else f"class {index}" for index in range(count)]
    none = Estimate(None)
    counts = [[0] * (count + 1) for _ in range(count)]
    for index in range(0, count, 2):
        counts[index][index] = index
        counts[index][(index * 7) % count] += 3
        counts[index][count] = index % 3
    uri, _ = painted("hostile", 0)
    pictures = {
        (2, 14): (content.Picture(SCRIPT, RIGHT_TO_LEFT, uri), content.Picture(HOSTILE[5], "", "")),
        (4, 28): (content.Picture("y" * 200, SCRIPT, uri, uri),),
    }
    return content.Content(
        title=SCRIPT,
        run_id=HOSTILE[1],
        source=HOSTILE[5],
        made=HOSTILE[3],
        decision=content.Decision("refuse", False, HOSTILE[9]),
        metrics=content.Metrics(0, WHOLE, {column.name: none for column in WHOLE}),
        columns=COLUMNS,
        classes=tuple(
            content.ClassRow(name, 0, {column.name: none for column in COLUMNS}) for name in names
        ),
        confusion=content.Confusion(tuple(map(tuple, counts)), pictures),
        data=origin.Data({"train": dict.fromkeys(names, 0), "test": {SCRIPT: 3}},
                          tuple(origin.Finding("warn", name, 0) for name in HOSTILE),
                          tuple(origin.Reason(name, 1, name) for name in HOSTILE),
                          page="javascript:alert(1)"),
        calibration=content.Calibration(None, None),
        outliers=content.Outliers(SCRIPT, None, None, None),
        comparison=content.Comparison(SCRIPT, 0, tuple(content.Difference(name, None, None, none) for name in HOSTILE)),
        robustness=(content.RobustnessRow(SCRIPT, none, None, 0),),
        slices=tuple(content.SliceRow(name, name, 0, none) for name in HOSTILE),
        mistakes=tuple(content.Example(content.Picture(name, name, ""), name, SCRIPT, None, None) for name in HOSTILE),
        training=origin.Training({SCRIPT: {"loss": [math.nan, math.inf, 1.0, None, 2.0]}, "empty": {}}, "", HOSTILE),
        budget=(product.BudgetLine(SCRIPT, None, None, SCRIPT, False, SCRIPT),),
        parity=product.Parity(0, 1e-4, (product.ParityStage(SCRIPT, None, False),), HOSTILE),
        exports=(product.Export("onnx", SCRIPT, 0, None, None, False, SCRIPT),),
        layers=(origin.Layer(SCRIPT, SCRIPT, None, None, None, 1, 1, 0, 0, 1),),
        lineage=origin.Lineage(((SCRIPT, tuple((name, name) for name in HOSTILE)),), "a: |\n```\n" + SCRIPT),
        model=((SCRIPT, HOSTILE[7]),),
        caveats=HOSTILE,
    )  # fmt: skip


def runs() -> list[run_index.RunRow]:
    """Runs of an output directory, in no order."""
    accuracies = (0.861, None, 0.874, 0.869, 0.902, 0.9134)
    verdicts = ("release", "", "release", "refuse", "release", "inconclusive")
    rows = [
        run_index.RunRow(
            run_id=f"2031050{number + 1}-093012-417",
            data="/data/trash6_256px",
            status={"refuse": "not_blessed", "": "failed"}.get(verdict, "succeeded"),
            verdict=verdict,
            accuracy=accuracy,
            pushed="" if verdict in ("", "refuse") else f"192501010{number}",
            seconds=245.0 + 13 * number,
            report=f"reports/2031050{number + 1}/report #1.html" if verdict else "",
        )
        for number, (accuracy, verdict) in enumerate(zip(accuracies, verdicts, strict=True))
    ]
    return rows[::-2] + rows[::2]
