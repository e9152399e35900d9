"""Exports of annotation tools: Label Studio, COCO."""

import json

import pytest

from data import errors
from data.layout.unused import Reason
from data.sources import registry as label_sources
from tests.data import manifests
from tests.data.folders import touch


def refused(path, *options, **settings) -> str:
    with pytest.raises(errors.DataError) as caught:
        label_sources.scan(manifests.request(path, *options, **settings))
    return str(caught.value)


def task(number: int, image: str, *annotations: list[str], **changes) -> dict:
    """A task of Label Studio as its JSON has them, with a rating beside the choices."""
    made = [
        {
            "id": 10 * number + place,
            "was_cancelled": False,
            "ground_truth": False,
            "result": [
                {"type": "choices", "from_name": "kind", "value": {"choices": chosen}},
                {"type": "rating", "from_name": "stars", "value": {"rating": 3}},
            ],
        }
        for place, chosen in enumerate(annotations)
    ]
    return {"id": number, "data": {"image": image, "note": "x"}, "annotations": made, **changes}


def export(tmp_path, value, name="export.json"):
    path = tmp_path / name
    path.write_text(json.dumps(value))
    return path


def test_label_studio(tmp_path):
    touch(tmp_path, "1.jpg", "images/0123abcd-2.jpg", "3.jpg", "sub dir/4.jpg", "5.jpg", "6.jpg")
    skipped = task(6, "6.jpg", ["cat"])
    skipped["annotations"][0]["was_cancelled"] = True
    tasks = [
        task(1, "1.jpg", ["cat"]),
        task(2, "/data/upload/1/0123abcd-2.jpg", ["dog"]),
        task(3, "/data/upload/1/89abcdef-3.jpg", ["cat"]),
        task(4, "/data/local-files/?d=sub%20dir/4.jpg", ["dog"]),
        task(5, "5.jpg"),
        skipped,
    ]
    listing = manifests.listed(export(tmp_path, tasks))
    assert manifests.labels(listing) == {
        "1.jpg": ("cat",),
        "images/0123abcd-2.jpg": ("dog",),
        "3.jpg": ("cat",),
        "sub dir/4.jpg": ("dog",),
    }
    assert listing.unused.files == {Reason.NOT_LABELLED_YET: 2}
    assert listing.understood[0] == (
        "labels:  export.json (Label Studio, JSON, 6 rows): path in image, label in kind"
    )


def test_annotators_of_label_studio_who_disagree(tmp_path):
    touch(tmp_path, "1.jpg")
    tasks = [task(7, "1.jpg", ["cat"], ["dog"])]
    assert (
        "rows that contradict an earlier one about the same file: 1 (task 7: 1.jpg is dog, before cat)"
        in refused(export(tmp_path, tasks))
    )
    tasks[0]["annotations"][1]["ground_truth"] = True
    assert manifests.labels(manifests.listed(export(tmp_path, tasks))) == {"1.jpg": ("dog",)}


def test_several_choices_of_label_studio_and_none(tmp_path):
    touch(tmp_path, "1.jpg", "2.jpg")
    tasks = [task(1, "1.jpg", ["sky", "tree"]), task(2, "2.jpg", [])]
    path = export(tmp_path, tasks)
    assert manifests.labels(manifests.listed(path, "any")) == {
        "1.jpg": ("sky", "tree"),
        "2.jpg": (),
    }
    message = refused(path)
    assert "rows with several labels: 1 (task 1: sky, tree). ADVICE." in message
    assert "rows without a label: 1 (task 2)" in message


def test_several_questions_of_label_studio(tmp_path):
    touch(tmp_path, "1.jpg")
    tasks = [task(1, "1.jpg", ["cat"])]
    mood = {"type": "choices", "from_name": "mood", "value": {"choices": ["good"]}}
    tasks[0]["annotations"][0]["result"].append(mood)
    path = export(tmp_path, tasks)
    assert "has no column of labels, such as label; its columns are image, kind, mood." in refused(
        path
    )
    listing = manifests.listed(path, label_column="mood")
    assert manifests.labels(listing) == {"1.jpg": ("good",)}


def test_minimal_json_of_label_studio(tmp_path):
    touch(tmp_path, "1.jpg", "2.jpg", "3.jpg")
    own = {"annotator": 1, "annotation_id": 2, "created_at": "2031-05-01", "lead_time": 1.5}
    tasks = [
        {"image": "1.jpg", "id": 4, "choice": "cat", **own},
        {"image": "2.jpg", "id": 5, "choice": {"choices": ["dog"]}, **own},
        {"image": "3.jpg", "id": 6, **own},
    ]
    listing = manifests.listed(export(tmp_path, tasks))
    assert manifests.labels(listing) == {"1.jpg": ("cat",), "2.jpg": ("dog",)}
    assert listing.unused.files == {Reason.NOT_LABELLED_YET: 1}


def test_csv_of_label_studio(tmp_path):
    touch(tmp_path, "1.jpg", "2.jpg")
    path = tmp_path / "export.csv"
    path.write_text(
        "image,id,animal,annotator,annotation_id,created_at,updated_at,lead_time\n"
        "/data/upload/1/0123abcd-1.jpg,1,cat,1,1,2031-05-01,2031-05-01,3.1\n"
        '2.jpg,2,"{""choices"":[""cat"",""dog""]}",1,2,2031-05-01,2031-05-01,3.1\n'
    )
    listing = manifests.listed(path, "any")
    assert manifests.labels(listing) == {"1.jpg": ("cat",), "2.jpg": ("cat", "dog")}
    assert listing.understood[0].endswith(
        "(Label Studio, CSV, UTF-8, 2 rows): path in image, label in animal"
    )
    assert "rows with several labels: 1 (line 3: cat, dog)" in refused(path)


COCO = {
    "images": [{"id": 1, "file_name": "1.jpg"}, {"id": 2, "file_name": "2.jpg"}],
    "annotations": [
        {"image_id": 1, "category_id": 7, "bbox": [0, 0, 1, 1]},
        {"image_id": 1, "category_id": 7},
        {"image_id": 2, "category_id": 9},
    ],
    "categories": [{"id": 7, "name": "cat"}, {"id": 9, "name": "dog"}, {"id": 10, "name": "cow"}],
}


def test_coco(tmp_path):
    touch(tmp_path, "1.jpg", "2.jpg")
    listing = manifests.listed(export(tmp_path, COCO))
    assert manifests.labels(listing) == {"1.jpg": ("cat",), "2.jpg": ("dog",)}
    assert listing.understood[0] == (
        "labels:  export.json (COCO, 2 rows): path in file_name, label in categories"
    )


def test_coco_with_several_categories_and_none(tmp_path):
    touch(tmp_path, "1.jpg", "2.jpg")
    annotations = [{"image_id": 1, "category_id": 7}, {"image_id": 1, "category_id": 9}]
    path = export(tmp_path, {**COCO, "annotations": annotations})
    assert manifests.labels(manifests.listed(path, "any")) == {"1.jpg": ("cat", "dog"), "2.jpg": ()}
    message = refused(path)
    assert "several labels: 1 (image id 1: cat, dog)" in message
    assert "without a label: 1 (image id 2)" in message


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"annotations": [{"image_id": 3, "category_id": 7}]},
            "names the image 3, which is not in",
        ),
        (
            {"annotations": [{"image_id": 1, "category_id": 8}]},
            "names the category 8, which is not",
        ),
        ({"images": COCO["images"] * 2}, "two images have one id"),
        ({"images": [{"id": 1}], "annotations": []}, "it lacks 'file_name'"),
        ({"images": [{"id": [], "file_name": "1.jpg"}]}, "an id must be a number; found []"),
        ({"categories": [{"id": 7, "name": 3}]}, "name must be a text; found 3"),
        ({"categories": None}, "export.json cannot be used"),
    ],
)
def test_coco_that_is_wrong(tmp_path, changes, message):
    assert message in refused(export(tmp_path, {**COCO, **changes}))


def test_json_of_another_kind(tmp_path):
    path = tmp_path / "labels.json"
    path.write_text(
        '{"file_name": "1.jpg", "label": "cat"}\n{"file_name": "1.jpg", "label": "cat"}'
    )
    assert "labels.json cannot be used: it is no JSON" in refused(path)
    touch(tmp_path, "1.jpg")
    listing = manifests.listed(path, format="jsonl")
    assert manifests.labels(listing) == {"1.jpg": ("cat",)}
    path.write_text('{"file_name": "1.jpg", "label": "cat"}')
    assert "add --labels.format jsonl" in refused(path)
    path.write_text('[{"photo": "1.jpg", "label": "cat"}]')
    assert "no key of all its tasks is called image, img," in refused(path)
