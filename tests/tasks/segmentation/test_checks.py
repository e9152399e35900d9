"""Every check of masks, each with a planted fault, and silent without one."""

from types import SimpleNamespace

import pytest

from data.masks import mask_report
from tasks.segmentation import checks

LABELS = ["sky", "road", "sign"]


def image(path, labels=("sky", "road"), split="train"):
    return SimpleNamespace(path=path, labels=tuple(labels), split=split, sha256=path)


def found(check, images=(), masks=None, **settings):
    checked = SimpleNamespace(
        images=list(images),
        report=SimpleNamespace(masks=masks),
        labels=LABELS,
        config=checks.Settings(**settings),
    )
    return list(check(checked))


def report(**facts):
    healthy = {
        "pixels": {"sky": 600, "road": 300, "sign": 100},
        "images": {"sky": 20, "road": 20, "sign": 20},
        "masks": 20,
    }
    return mask_report.MaskReport("masks", **(healthy | facts))


HEALTHY = [image(f"{number}.png", LABELS, split) for number in range(4) for split in checks.SPLITS]


@pytest.mark.parametrize("check", checks.CHECKS.functions, ids=lambda one: one.__name__)
def test_healthy_masks_have_no_finding(check):
    assert not found(check, HEALTHY, report())


def test_an_empty_mask():
    (one,) = found(checks.empty_mask, [*HEALTHY, image("void.png", ())], report())
    assert one.removable == [len(HEALTHY)] and one.cases[0].detail == "only void"


def test_copies_with_different_masks():
    masks = report(differing=[("a.png", "b.png"), ("a.png", "gone.png"), ("a.png", "c.png")])
    images = [image("a.png"), image("b.png", ("sky",)), image("c.png")]
    (one,) = found(checks.masks_differ, images, masks)
    assert [case.images for case in one.cases] == [(0, 1), (0, 2)]
    assert [case.detail for case in one.cases] == ["one alone has 'road'", "other outlines"]
    assert one.removable == [0, 1, 2]


def test_much_void():
    (one,) = found(checks.void_share, (), report(void=1500))
    assert "60.0% of all pixels have no class" in one.message
    assert not found(checks.void_share, (), report(void=1500), max_void_share=0.7)


def test_classes_of_few_pixels_and_of_few_images():
    masks = report(pixels={"sky": 9_990, "road": 10, "sign": 5}, images={"sky": 20, "road": 3})
    (one,) = found(checks.rare_class_pixels, (), masks)
    assert "'road' (0.10% of the pixels, 3 images)" in one.message and "'sign'" in one.message
    assert "'sky'" not in one.message


@pytest.mark.parametrize(("split", "told"), [("train", "cannot learn"), ("test", "not measured")])
def test_a_class_that_a_split_lacks(split, told):
    images = [
        image(f"{one}.png", ("sky", "road") if one == split else LABELS, one)
        for one in checks.SPLITS
    ]
    (one,) = found(checks.class_missing_in_split, images, report())
    assert f"No {split} image shows 'sign'" in one.message and told in one.message


def test_lone_pixels_come_with_the_image_that_has_most_first():
    masks = report(specked={"a.png": 30, "b.png": 20, "c.png": 400})
    (one,) = found(checks.specks, [image("a.png"), image("b.png"), image("c.png")], masks)
    assert [case.images for case in one.cases] == [(2,), (0,)]
    assert one.cases[0].detail == "400 lone pixels"


def test_masks_of_two_kinds():
    (one,) = found(checks.mixed_masks, (), report(ones=4))
    assert one.message.startswith("4 of 20 masks have 0 and 1")
    assert not found(checks.mixed_masks, (), report(ones=20))


def test_masks_that_did_not_fit():
    masks = report(resized=2, turned=1, snapped=3, largest_snapped_share=0.05)
    told = " ".join(one.message for one in found(checks.masks_changed, (), masks))
    assert "2 of 20 masks had another size" in told and "1 of 20 masks were turned" in told
    assert "up to 5.0% of the pixels" in told


def test_labels_that_no_report_of_masks_explains_are_left_alone():
    for check in checks.CHECKS.functions:
        if check is not checks.empty_mask and check is not checks.class_missing_in_split:
            assert not found(check, [image("a.png")], None)
