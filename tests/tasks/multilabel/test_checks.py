import pytest

from components.image_validator import config, validate
from tests.components.image_validator import made


def image(number, labels, split="train"):
    return made.image(number, split=split)._replace(labels=tuple(labels), path=f"{number}.jpg")


def found(images, **settings):
    """The findings of the task's own checks, by check."""
    data = made.data_of([])
    for one in images:
        counts = data.report.examples[one.split]
        for name in one.labels:
            counts[name] = counts.get(name, 0) + 1
    labels = sorted({name for one in images for name in one.labels} | {"unseen"})
    own = {"missing_labels", "one_split_labels", "inseparable_labels", "unlabelled"}
    quiet = {
        name: "ignore"
        for name, field in config.ValidateConfig.model_fields.items()
        if isinstance(field.default, str) and name not in own
    }
    job = data.job.model_copy(
        update={"task": "multilabel", "config": config.ValidateConfig(**quiet, **settings)}
    )
    changed = {"images": images, "labels": labels, "job": job}
    outcome = validate.run(type(data)(**{**vars(data), **changed}))
    return {one.check: one for one in outcome.findings}


@pytest.fixture
def images():
    """Labels a and b together in five images, c in all splits."""
    rows = [(["a", "b", "c"], "train")] * 4 + [
        (["a", "b"], "test"),
        (["c"], "test"),
        (["c"], "eval"),
    ]
    return [image(number, *row) for number, row in enumerate(rows)]


def test_labels_without_a_training_image_cannot_be_learned(images):
    assert found(images)["missing_labels"].message == (
        "No training image has 'unseen': the model cannot learn it."
    )


def test_labels_that_always_occur_together_cannot_be_told_apart(images):
    finding = found(images)["inseparable_labels"]
    assert finding.message.startswith("'a', 'b' always occur together, in 5 images")
    assert finding.cases[0].paths == ["0.jpg"]
    assert "inseparable_labels" not in found([*images, image(9, ["a"])])


def test_a_label_of_one_split_is_reported_with_its_images(images):
    finding = found([*images, image(9, ["rare"], "eval")])["one_split_labels"]
    assert finding.message == "All images with 'rare' are in the eval split."
    assert [case.paths for case in finding.cases] == [["9.jpg"]]


def test_too_many_images_without_a_label(images):
    bare = [image(100 + number, []) for number in range(8)]
    assert "unlabelled" not in found(images)
    finding = found([*images, *bare])["unlabelled"]
    assert finding.message.startswith("8 of 15 images (53%) have no label; 50% are allowed.")
    assert "unlabelled" not in found([*images, *bare], max_unlabelled_fraction=0.6)


def test_they_are_no_checks_of_other_tasks(images):
    outcome = made.checked(images[5:], class_imbalance="ignore")
    assert not {one.check for one in outcome.findings} & {"missing_labels", "one_split_labels"}
