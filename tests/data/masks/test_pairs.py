import pytest

from data.layout.unused import Reason
from data.masks import pairs


def found(*paths, **options):
    result = pairs.find(paths, **options)
    return [tuple(pair) for pair in result.pairs], result.troubles


@pytest.mark.parametrize(
    ("image", "mask", "split"),
    [
        ("images/a.jpg", "masks/a.png", None),
        ("images/a.jpg", "labels/a_mask.png", None),
        ("images/a.jpg", "annotations/a_P.png", None),
        ("Images/a.jpg", "Ground_Truth/a_L.png", None),
        ("train/images/a.jpg", "train/masks/a.png", "train"),
        ("images/val/a.jpg", "masks/val/a.png", "eval"),
        ("train/a.png", "trainannot/a.png", "train"),
        ("train/a.png", "train_masks/a.png", "train"),
        ("JPEGImages/a.jpg", "SegmentationClass/a.png", None),
        (
            "leftImg8bit/test/bonn/a_leftImg8bit.png",
            "gtFine/test/bonn/a_gtFine_labelIds.png",
            "test",
        ),
        ("a.jpg", "a_mask.png", None),
        ("set/a_sat.jpg", "set/a_mask.png", None),
    ],
)
def test_layouts(image, mask, split):
    assert found(image, mask) == ([(image, mask, split)], {})


def test_the_same_stem_in_two_splits():
    paths = ["train/images/a.jpg", "train/masks/a.png", "test/images/a.jpg", "test/masks/a.png"]
    pairs_found, troubles = found(*paths)
    assert [pair[2] for pair in pairs_found] == ["test", "train"] and not troubles


def test_every_file_without_partner_is_named():
    pairs_found, troubles = found(
        "images/a.jpg",
        "images/b.jpg",
        "masks/a.png",
        "masks/c.png",
        "images/d.jpg",
        "masks/d.png",
        "masks/d_mask.png",
    )
    assert [pair[0] for pair in pairs_found] == ["images/a.jpg"]
    assert troubles == {
        "images/b.jpg": Reason.IMAGE_WITHOUT_MASK,
        "masks/c.png": Reason.MASK_WITHOUT_IMAGE,
        "images/d.jpg": Reason.SEVERAL_MASKS,
        "masks/d.png": Reason.SEVERAL_MASKS,
        "masks/d_mask.png": Reason.SEVERAL_MASKS,
    }


def test_voc_lists_give_the_splits_and_instances_are_passed_over():
    pairs_found, troubles = found(
        "JPEGImages/a.jpg",
        "SegmentationClass/a.png",
        "SegmentationObject/a.png",
        "JPEGImages/b.jpg",
        "SegmentationClass/b.png",
        lists={"train": ["a"], "eval": ["b"]},
    )
    assert [pair[2] for pair in pairs_found] == ["train", "eval"]
    assert troubles == {"SegmentationObject/a.png": Reason.OTHER_ANNOTATION}


def test_class_folders_are_no_pairs():
    assert not pairs.looks_paired(["cat/a.jpg", "cat/b.jpg", "dog/a.jpg"])
    assert pairs.looks_paired(["images/a.jpg", "masks/a.png"])
