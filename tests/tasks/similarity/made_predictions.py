"""Answers of a made-up search."""

import numpy as np

from tasks.similarity import answers

LABELS = ["a", "b", "c"]
SOUND = {
    "images": 6,
    "per_class": [2, 3, 1],
    "health": {
        "bad": 0,
        "mean_cosine": 0.4,
        "hub_share": 0.2,
        "hub": "x.jpg",
        "copy_cosine": 0.98,
        "copies": [],
        "copied": 0,
        "compared": 6,
    },
}


def predictions(
    ranked, label_ids, labels=LABELS, counts=(2, 3, 1), held_out=(), gallery=SOUND, cosines=None
) -> answers.Predictions:
    """Answers whose neighbours are those of the ranking; a row of −1 is of an image that is refused."""
    ranked = np.asarray(ranked, np.int32)
    valid = ranked[:, 0] >= 0
    known = [[place for place in row if place >= 0] for row in ranked.tolist()]
    lists = {
        "neighbours": [[f"{labels[place]}{n}.jpg" for n, place in enumerate(row)] for row in known],
        "neighbour_labels": [[labels[place] for place in row] for row in known],
        "cosines": cosines or [[0.9 - 0.1 * n for n in range(len(row))] for row in known],
    }
    columns = {}
    for name, rows in lists.items():
        columns[name] = np.empty(len(rows), object)
        columns[name][:] = rows
    vectors = np.random.default_rng(0).standard_normal([len(ranked), 4]).astype(np.float32)
    return answers.Predictions(
        labels=list(labels),
        paths=[f"{number:03d}.jpg" for number in range(len(ranked))],
        valid=valid,
        outlier_scores=np.zeros(len(ranked), np.float32),
        label_ids=np.asarray(label_ids, np.int64),
        ranked=ranked,
        vectors=vectors * valid[:, None],
        counts=np.asarray(counts, np.int64),
        held_out=tuple(held_out),
        gallery=gallery,
        **columns,
    )
