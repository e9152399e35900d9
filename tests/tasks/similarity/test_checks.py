from dataclasses import dataclass, field

from tasks.similarity import checks


@dataclass
class Image:
    labels: tuple[str, ...]


@dataclass
class Report:
    examples: dict


@dataclass
class Checked:
    images: list
    report: Report = field(default_factory=lambda: Report({}))


def images(**counts):
    return [Image((name,)) for name, count in counts.items() for _ in range(count)]


def test_classes_of_one_image_are_named_with_it():
    (found,) = checks.single_image_classes(Checked(images(cat=3, dog=1, owl=1)))
    assert found.message.startswith("2 classes of 3 have a single image")
    assert "'dog', 'owl'" in found.message
    assert [(case.images, case.detail) for case in found.cases] == [((3,), "dog"), ((4,), "owl")]
    assert list(checks.single_image_classes(Checked(images(cat=2, dog=2)))) == []


def test_many_of_them_are_counted():
    (found,) = checks.single_image_classes(Checked(images(**{f"c{n:02d}": 1 for n in range(13)})))
    assert "'c09' and 3 more" in found.message and len(found.cases) == 13


def test_classes_that_only_queries_have_are_named():
    parts = {"train": {"cat": 3, "owl": 0}, "test": {"cat": 1, "dog": 2, "owl": 1}}
    (found,) = checks.unsearchable_classes(Checked([], Report(parts)))
    assert found.message.startswith("2 classes with test images have no image in the gallery")
    assert "'dog', 'owl'" in found.message
    whole = Report({"train": {"cat": 3}, "test": {"cat": 1}})
    assert list(checks.unsearchable_classes(Checked([], whole))) == []
