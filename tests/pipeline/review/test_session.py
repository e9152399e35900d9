"""What a review knows and does, without a page."""

import numpy as np
import pytest

from data import errors
from data.corrections.decisions import Action
from pipeline.review import queues, session, unlabelled
from pipeline.review.queues import Kind
from tests.components.image_validator.made import image
from tests.pipeline.review.pets import Project, answers, known


@pytest.fixture
def made(tmp_path) -> session.Session:
    return session.Session(Project(tmp_path), known(), "ada")


def numbers(found: dict) -> list[list[int]]:
    return [[one["number"] for one in case["images"]] for case in found["cases"]]


def test_the_queues(made):
    about = made.about()
    counts = {one["id"]: (one["count"], one["decided"]) for one in about["queues"]}
    assert counts == {"labels": (3, 0), "conflicts": (1, 0), "near": (1, 0), "outliers": (1, 0)}
    assert numbers(made.cases(Kind.LABELS, 0, 50)) == [[9], [5], [12]]
    assert numbers(made.cases(Kind.CONFLICTS, 0, 50)) == [[3, 4]]
    assert numbers(made.cases(Kind.NEAR, 0, 50)) == [[0, 6]]
    first = made.cases(Kind.LABELS, 0, 1)["cases"][0]
    assert first["images"][0]["answers"][0] == {"label": "cow", "probability": 0.95}
    assert first["score"] == pytest.approx(0.975)


def test_decisions_progress_and_undo(made):
    log = made.project.log
    case = made.decide(Kind.LABELS, 0, Action.RELABEL, ["cow"], "a cow")
    assert case["images"][0]["decision"] == {"action": "relabel", "new": ["cow"]}
    made.decide(Kind.LABELS, 2, Action.DROP)
    assert [(one.old, one.new, one.action, one.by, one.why) for one in log.read()] == [
        (("cat",), ("cow",), Action.RELABEL, "ada", "a cow"),
        (("cat",), ("cat",), Action.DROP, "ada", ""),
    ]
    assert made.about()["queues"][0]["decided"] == 2
    found = made.cases(Kind.LABELS, 0, 1, is_open=True)
    assert (found["offset"], found["open"], found["total"]) == (1, 1, 3)
    assert made.undo() == 1
    assert made.undo() == 0
    assert log.read() == []
    with pytest.raises(errors.UserError, match="Nothing was decided"):
        made.undo()


def test_a_class_that_is_new_is_known_until_it_is_taken_back(made, tmp_path):
    made.decide(Kind.LABELS, 0, Action.RELABEL, [" horse "], adds=True)
    assert made.about()["labels"] == ["cat", "cow", "dog", "horse"]
    assert made.project.log.read()[0].new == ("horse",)
    made.decide(Kind.LABELS, 1, Action.RELABEL, ["horse"])  # it is one of the classes now
    assert numbers(made.cases(Kind.LABELS, 0, 50, "horse")) == [[9], [5]]
    again = session.Session(Project(tmp_path), known(), "eve")
    assert again.about()["labels"] == ["cat", "cow", "dog", "horse"]
    made.undo()
    made.undo()
    assert made.about()["labels"] == ["cat", "cow", "dog"]
    with pytest.raises(errors.UserError, match="'Cat' is 'cat' but for upper and lower case"):
        made.decide(Kind.LABELS, 0, Action.RELABEL, ["Cat"], adds=True)
    with pytest.raises(errors.UserError, match="a label of 201 characters; at most 200"):
        made.decide(Kind.LABELS, 0, Action.RELABEL, ["x" * 201], adds=True)


def test_a_label_for_copies_is_one_for_all_of_them(made):
    made.decide(Kind.CONFLICTS, 0, Action.RELABEL, ["cow"])
    assert [(one.old, one.action) for one in made.project.log.read()] == [
        (("cat",), Action.RELABEL),
        (("cow",), Action.KEEP),
    ]
    assert made.about()["queues"][1]["decided"] == 1
    made.undo()
    assert made.project.log.read() == []


def test_of_near_duplicates_the_chosen_one_is_decided_about(made):
    made.decide(Kind.NEAR, 0, Action.DROP, member=1)
    assert made.project.log.read()[0].path == "cat/0006.jpg"
    assert made.about()["queues"][2]["decided"] == 1


def test_a_review_goes_on_where_it_was(made, tmp_path):
    made.decide(Kind.LABELS, 1, Action.KEEP)
    again = session.Session(Project(tmp_path), known(), "eve")
    assert again.about()["queues"][0]["decided"] == 1
    assert again.about()["steps"] == 0


def test_cases_of_one_class(made):
    assert numbers(made.cases(Kind.LABELS, 0, 50, "cow")) == [[9], [12]]  # by their answers
    assert numbers(made.cases(Kind.LABELS, 0, 50, "dog")) == [[5]]
    with pytest.raises(errors.UserError, match="no class 'horse'"):
        made.cases(Kind.LABELS, 0, 50, "horse")


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ((Kind.LABELS, 3, Action.KEEP), "has no case 3"),
        ((Kind.LABELS, -1, Action.KEEP), "has no case -1"),
        ((Kind.NEXT, 0, Action.KEEP), "no queue next"),
        ((Kind.LABELS, 0, Action.RELABEL, ["horse"]), "'horse' is no label"),
        ((Kind.LABELS, 0, Action.RELABEL, ["cat", "dog"]), "is no label"),
        ((Kind.LABELS, 0, Action.RELABEL, []), "is no label"),
        ((Kind.LABELS, 0, Action.KEEP, [], "x" * 600), "why has at most 500"),
        ((Kind.LABELS, 0, Action.KEEP, [], "", 1), "no image 1"),
    ],
)
def test_impossible_decisions(made, asked, message):
    with pytest.raises(errors.UserError, match=message):
        made.decide(*asked)
    assert made.project.log.read() == [] and made.about()["steps"] == 0


@pytest.mark.parametrize(
    ("task", "message"),
    [
        ("detection", "Masks and boxes are mended in their files; keep or drop"),
        ("similarity", "The images have no labels to change; keep or drop"),
    ],
)
def test_what_has_no_labels_is_kept_or_dropped(tmp_path, task, message):
    made = session.Session(Project(tmp_path, has_labels=False, task_name=task), known(), "ada")
    with pytest.raises(errors.UserError, match=message):
        made.decide(Kind.NEAR, 0, Action.RELABEL, ["cow"])
    made.decide(Kind.NEAR, 0, Action.DROP)


def test_unlabelled_images_get_labels_in_a_list_of_their_own(tmp_path):
    project = Project(tmp_path)
    records = [unlabelled.Record(f"{name}.jpg", name * 64) for name in "ab"]
    new = unlabelled.Unlabelled(
        "/new", records, np.array([[0.4, 0.3, 0.3]] * 2), np.array([0.9, 0.8])
    )
    made = session.Session(project, known(), "ada", new)
    assert made.image(41) == ("/new", records[1])
    made.decide(Kind.NEXT, 1, Action.RELABEL, ["dog"])
    made.decide(Kind.LABELS, 0, Action.KEEP)
    assert [(one.path, one.old, one.new) for one in project.unlabelled_log.read()] == [
        ("b.jpg", (), ("dog",))
    ]
    assert len(project.log.read()) == 1
    made.undo()
    made.undo()
    assert project.log.read() == project.unlabelled_log.read() == []


def test_a_hundred_thousand_suspects_are_paged(tmp_path):
    count = 100_000
    images = [image(0)._replace(sha256=f"{n:064x}", path=f"{n}.jpg") for n in range(count)]
    presence = np.zeros((count, 3), bool)
    presence[:, 0] = True
    probabilities = np.full((count, 3), 0.1)
    probabilities[:, 0] = np.linspace(0.3, 0.1, count)
    probabilities[:, 1] = np.linspace(0.6, 0.8, count)
    made = session.Session(
        Project(tmp_path), queues.Images(images, presence, [], None, answers(probabilities)), "ada"
    )
    found = made.cases(Kind.LABELS, 99_998, 50)
    assert found["total"] == count and numbers(found) == [[1], [0]]
    assert len(made.cases(Kind.LABELS, 0, 99)["cases"]) == session.MOST_CASES
