"""Made-up catalogs for the checks."""

import hashlib

from components.image_validator import config, context, validate
from data.examples import catalog, ingest_report
from data.images import decode, quality

LABELS = ["cat", "dog"]
GOOD = quality.Quality(
    brightness=0.5, contrast=0.2, highlight=0.9, shadow=0.1, sharpness=0.4, saturation=0.3
)


def image(number: int, class_name="cat", split="train", span=None, **changes) -> catalog.Image:
    """Makes a unique image; ``changes`` apply to the image, its info, or its statistics."""
    measures = set(quality.Quality._fields)
    digest = hashlib.sha256(str(number).encode()).hexdigest()
    info = decode.ImageInfo(
        format="JPEG",
        height=changes.pop("height", 200),
        width=changes.pop("width", 300),
        channels=3,
        source_format="JPEG",
        reencoded=False,
        phash=changes.pop("phash", digest),
        quality=GOOD._replace(**{k: v for k, v in changes.items() if k in measures}),
    )
    path = f"{class_name}/{number:04d}.jpg"
    return catalog.Image(path, (class_name,), split, 0, changes.get("sha256", digest), span, info)


def data_of(images, anomalies=(), bad=(), known_labels=(), embed=None, **settings):
    examples: dict[str, dict[str, int]] = {"train": {}, "eval": {}, "test": {}}
    for one in images:
        counts = examples[one.split]
        (label,) = one.labels
        counts[label] = counts.get(label, 0) + 1
    labels = [*LABELS, *sorted({name for one in images for name in one.labels} - set(LABELS))]
    job = config.ValidateJob(
        config=config.ValidateConfig(**settings),
        label_file="",
        serving_dir="",
        state_dir="",
    )
    report = ingest_report.Report(examples, list(bad))
    return context.Context(images, report, labels, list(known_labels), list(anomalies), job, embed)


def checked(images, **settings) -> validate.Outcome:
    return validate.run(data_of(images, **settings))
