import base64

import numpy as np
import pytest

from serving.client import protocol
from serving.gateway import display


def answer(probabilities, **outputs) -> protocol.Answer:
    values = {name: np.array([value], object) for name, value in outputs.items()}
    rates = np.array([probabilities], np.float32)
    return protocol.Answer("3", {"probabilities": rates, "valid": np.array([True])} | values)


def test_the_most_probable_classes_come_first():
    labels = [f"label {index}" for index in range(100)]
    given = answer(np.linspace(0, 1, 100))
    found = display.content(given, {"labels": labels})
    assert [one["label"] for one in found["classes"]] == [f"label {i}" for i in range(99, 93, -1)]
    assert found["classes"][0]["probability"] == 1
    assert (found["class_count"], found["outlier"]) == (100, None)
    unnamed = display.content(given, {"labels": labels[:-1]})
    assert unnamed["classes"][0]["label"] == "class 99"
    assert (found["display"], found["invalid_reason"]) == ("class_bars", "")
    given.outputs.update(valid=np.array([False]), outlier=np.array([False]))
    given.outputs["invalid_reason"] = np.array([b"damaged"], object)
    broken = display.content(given, {"labels": labels})
    assert (broken["valid"], broken["outlier"], broken["classes"]) == (False, False, [])
    assert broken["invalid_reason"] == "damaged"


CONTRACT = {
    "display": "label_bars",
    "labels": ["a", "b", "c"],
    "thresholds": {"a": 0.7, "b": 0.2},
}


def test_chosen_labels_come_before_more_probable_ones_that_are_not():
    found = display.content(answer([0.6, 0.3, 0.1], labels=b'["b"]'), CONTRACT)
    assert found["classes"] == [
        {"label": "b", "probability": pytest.approx(0.3), "threshold": 0.2, "chosen": True},
        {"label": "a", "probability": pytest.approx(0.6), "threshold": 0.7, "chosen": False},
        {"label": "c", "probability": pytest.approx(0.1), "threshold": None, "chosen": False},
    ]


def test_every_chosen_label_is_there_however_many():
    names = [f"label {index}" for index in range(20)]
    chosen = names[:9]
    text = str(chosen).replace("'", '"').encode()
    contract = {"display": "label_bars", "labels": names}
    found = display.content(answer(np.linspace(1, 0, 20), labels=text), contract)
    assert [one["label"] for one in found["classes"]] == chosen
    none = display.content(answer(np.linspace(1, 0, 20), labels=b"[]"), contract)
    assert len(none["classes"]) == display.MOST_BARS
    assert not any(one["chosen"] for one in none["classes"])


def test_an_image_that_is_not_valid_has_no_bars():
    given = answer([0.0, 0.0, 0.0], labels=b"")
    given.outputs["valid"] = np.array([False])
    assert display.content(given, CONTRACT)["classes"] == []


def test_of_an_unknown_display_the_page_gets_the_name():
    found = display.content(answer([1.0]), {"display": "hologram", "labels": ["a"]})
    assert found == {"display": "hologram", "valid": True, "invalid_reason": "", "outlier": None}


@pytest.mark.parametrize("content", [b"", b'"a"', b"[1]", b"[" * 100_000, b"\xff"])
def test_labels_that_are_no_list_of_names_are_refused(content):
    with pytest.raises(ValueError):
        display.content(answer([0.6, 0.3, 0.1], labels=content), CONTRACT)


def test_a_mask_is_drawn_in_the_colours_of_the_contract():
    contract = {
        "display": "mask",
        "labels": ["sky", "road", "tree"],
        "colours": ["#010203", "javascript:", "#ffffff"],
        "resize": "letterbox",
    }
    ids = np.array([[[0, 2], [2, 2]]], np.uint8)
    shares = np.array([[0.25, 0.0, 0.75]], np.float32)
    outputs = {"class_ids": ids, "class_fractions": shares, "valid": np.array([True])}
    found = display.content(protocol.Answer("3", outputs), contract)
    assert [one["label"] for one in found["classes"]] == ["tree", "sky"]
    assert found["classes"][1]["colour"] == "#010203"
    assert found["mask"]["colours"] == ["#010203", "#808080", "#ffffff"]
    assert base64.b64decode(found["mask"]["values"]) == bytes([0, 2, 2, 2])
    assert (found["mask"]["side"], found["mask"]["resize"]) == (2, "letterbox")
    outputs["valid"] = np.array([False])
    broken = display.content(protocol.Answer("3", outputs), contract)
    assert "mask" not in broken and broken["classes"] == []


def boxes(valid=True, count=2):
    outputs = {
        "valid": np.array([valid]),
        "num_detections": np.array([count], np.int32),
        "boxes": np.array([[[10, 20, 60, 120], [0, 0, 50, 500], [0, 0, 0, 0]]], np.float32),
        "scores": np.array([[0.9, 0.2, 0.0]], np.float32),
        "labels": np.array([[b"pear", b"<b>", b""]], object),
        "image_size": np.array([[100, 400]], np.int32),
    }
    return protocol.Answer("3", outputs)


def test_boxes_are_shares_of_the_image_with_the_thresholds_of_their_classes():
    contract = {"display": "boxes", "labels": ["<b>", "pear"], "thresholds": {"pear": 0.4}}
    found = display.content(boxes(), contract)
    first, second = found["boxes"]
    assert (first["label"], first["threshold"]) == ("pear", 0.4)
    assert first["score"] == pytest.approx(0.9)
    assert first["corners"] == pytest.approx([0.1, 0.05, 0.6, 0.3])
    assert second["threshold"] is None
    # One colour for a class in every image, whatever else is in it.
    assert (first["class_id"], second["class_id"]) == (1, 0)
    alone = {**contract, "labels": ["<b>"]}
    assert display.content(boxes(), alone)["boxes"][0]["class_id"] == 1
    assert second["corners"] == pytest.approx([0, 0, 0.5, 1.0])  # kept within the image
    assert display.content(boxes(valid=False), contract)["boxes"] == []
    # A count that exceeds what is there harms nothing.
    assert len(display.content(boxes(count=99), contract)["boxes"]) == 3


def searched(**outputs) -> protocol.Answer:
    values = {
        "neighbours": np.array([[b"a/1.jpg", b"b/\xff.jpg", b""]], object),
        "neighbour_labels": np.array([[b"a", b"", b""]], object),
        "cosines": np.float32([[0.9, -0.25, 0]]),
        "valid": np.array([True]),
    }
    return protocol.Answer("3", values | outputs)


def test_neighbours_have_a_path_a_label_and_a_cosine():
    contract = {"display": "neighbours", "labels": ["a"], "gallery": {"images": 12}}
    found = display.content(searched(), contract)
    assert found["neighbours"] == [
        {"path": "a/1.jpg", "label": "a", "cosine": pytest.approx(0.9)},
        {"path": "b/\ufffd.jpg", "label": "", "cosine": -0.25},
    ]
    assert (found["gallery"], found["class_count"], found["classes"]) == (12, 1, [])
    refused = display.content(searched(valid=np.array([False])), contract)
    assert refused["neighbours"] == []
    for gallery in (None, "many", {"images": "12"}):
        told = display.content(searched(), {"display": "neighbours", "gallery": gallery})
        assert told["gallery"] is None


def test_a_single_neighbour_may_come_without_its_axis():
    """Triton gives one value an image without the axis of one."""
    one = {
        "neighbours": np.array([b"a/1.jpg"], object),
        "neighbour_labels": np.array([b"a"], object),
        "cosines": np.float32([0.9]),
    }
    found = display.content(searched(**one), {"display": "neighbours"})
    assert [row["path"] for row in found["neighbours"]] == ["a/1.jpg"]
