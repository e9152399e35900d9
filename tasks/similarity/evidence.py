"""The evidence of a search: limits, a sound gallery, and recall@1 against the served model.

The served model searches its own gallery. Dimension letters: N images, K classes.
"""

from typing import TYPE_CHECKING

from data import formats
from tasks import against_served, evaluate_config, evidence_config, gate_check, limits
from tasks.similarity import figures

if TYPE_CHECKING:  # it imports TensorFlow, which command lines do without
    from tasks.similarity.answers import Predictions

RECALL, CLASS_RECALL = "recall_at_1_against_served", "recall_against_served"
VECTORS = "vectors"
UNLABELLED, READABLE = "no_labels", "readable"
BAD_VECTORS, COLLAPSE, HUBS = "gallery_vectors", "gallery_collapse", "gallery_hubs"


class Evidence:
    """See ``judging.Evidence``."""

    settings = frozenset(
        {
            "max_recall_at_1_drop",
            "max_recall_drop",
            "max_cosine_difference",
            "max_mean_cosine",
            "max_hub_share",
        }
    )
    whole_check = RECALL
    class_check = CLASS_RECALL

    def limits(
        self,
        candidate: "Predictions",
        config: evidence_config.EvidenceConfig,
        evaluate: evaluate_config.EvaluateConfig,
    ) -> list[gate_check.Check]:
        """See ``judging.Evidence``; also judges the gallery by itself."""
        return [
            *limits.check(figures.FIGURES, candidate, config, evaluate),
            *([] if candidate.labels else without_labels(candidate)),
            *of_gallery(candidate, config),
        ]

    def against_served(
        self,
        candidate: "Predictions",
        served: "Predictions",
        config: evidence_config.EvidenceConfig,
    ) -> list[gate_check.Check]:
        """Compares two models on the images of the classes that the served model knows.

        Args:
          candidate: the candidate's answers, with the labels of the data, which label_ids number.
          served: the served model's answers about the same images, from its own gallery.
          config: margins, confidence and method.

        Raises:
          errors.PipelineError: the two answers are about different images.
        """
        return against_served.one_class(
            candidate,
            served,
            against_served.Rate(RECALL, "Recall@1", config.max_recall_at_1_drop),
            against_served.Rate(CLASS_RECALL, "Recall@1 of", config.max_recall_drop),
            config,
        )


def without_labels(candidate: "Predictions") -> list[gate_check.Check]:
    """Tells what cannot be judged without labels, and judges whether the test images can be read."""
    images, read = len(candidate.paths), int(candidate.valid.sum())
    return [
        gate_check.Check(
            UNLABELLED,
            "release",
            "The images have no labels, so nobody knows which neighbours are right: recall is not judged,"
            " nor compared with the served model's.",
        ),
        gate_check.Check(
            READABLE,
            "release" if read else "refuse",
            f"The model reads {read:,} of {formats.plural(images, 'test image')}."
            if images
            else "There are no test images, so the model cannot be evaluated.",
            {"images": images, "valid": read},
        ),
    ]


def of_gallery(
    candidate: "Predictions", config: evidence_config.EvidenceConfig
) -> list[gate_check.Check]:
    """Judges a gallery by itself: bad vectors and collapse refuse a model, hubs are told."""
    health = candidate.gallery.get("health") or {}
    if not health:
        return []
    images, bad = candidate.gallery["images"], health["bad"]
    found = [
        gate_check.Check(VECTORS, "release", candidate.note),
        gate_check.Check(
            BAD_VECTORS,
            "refuse" if bad else "release",
            f"{bad:,} of {images:,} images of the gallery have a vector of zeros or with a value that is no"
            " number; none may."
            if bad
            else f"All {formats.plural(images, 'image')} of the gallery have a vector.",
            {"images": images, "bad": bad},
        ),
    ]
    mean = health["mean_cosine"]
    if mean is not None:
        collapsed = mean > config.max_mean_cosine
        found.append(
            gate_check.Check(
                COLLAPSE,
                "refuse" if collapsed else "release",
                f"Two images of the gallery have a cosine of {mean:.2f} on average; at most"
                f" {config.max_mean_cosine:g} is allowed"
                + (": to the network all images look alike." if collapsed else "."),
                {"mean_cosine": mean, "limit": config.max_mean_cosine},
            )
        )
    share = health["hub_share"]
    if share is not None and share > config.max_hub_share and health["compared"] > 10:
        found.append(
            gate_check.Check(
                HUBS,
                "release",
                f"{health['hub']} is among the ten nearest of {formats.percent(share, 0)} of the gallery's"
                " images, whatever they show: a hub. Look at it, or whiten the embeddings"
                " (train.retrieval.whitening_size).",
                {"hub": health["hub"], "share": share},
            )
        )
    return found


EVIDENCE = Evidence()
