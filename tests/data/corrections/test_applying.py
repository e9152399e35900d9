"""What decisions do to the files of a listing."""

from pathlib import Path

import pytest

from data.corrections.applying import Corrections, Idle, Relabelled, Unmatched, apply
from data.corrections.decisions import Action
from data.images import decode
from data.splits import folder
from tests.data import index_rows
from tests.data.corrections.made import decision

A, B, C, D = (f"{number:064x}" for number in range(4))


def drop(sha256=A, old=("cat",), **changes):
    return decision(sha256=sha256, old=old, new=old, action=Action.DROP, **changes)


def keep(sha256=A, old=("cat",)):
    return decision(sha256=sha256, old=old, new=old, action=Action.KEEP)


def to(sha256=A, old="cat", new="dog", **changes):
    return decision(sha256=sha256, old=(old,), new=(new,), **changes)


@pytest.mark.parametrize(
    ("made", "labels"),
    [
        ([to()], "dog"),
        ([to(), to(new="cow")], "cow"),  # a person changed their mind
        ([to(), keep()], "cat"),
        ([keep(), to()], "dog"),
        ([to(), to(old="dog", new="cow")], "cow"),  # the next run showed dog
        ([to(), to(old="dog", new="cat")], "cat"),  # and it was right before
        ([to(), to(old="dog", new="cat"), to()], "dog"),
        ([to(old="dog", new="cow"), to()], "dog"),
        ([to(), keep(old=("dog",))], "dog"),
        ([to(old="cow")], "cat"),
        ([to(sha256=B)], "cat"),
        ([to(), decision(sha256=A, new=("cat",), action=Action.NOT_SURE)], "cat"),
    ],
)
def test_the_newest_decision_about_what_was_shown_counts(made, labels):
    assert Corrections(made).of(A, ("cat",)).labels == (labels,)


def test_a_dropped_image_that_was_decided_about_again_is_back():
    assert Corrections([drop()]).of(A, ("cat",)).dropped == drop()
    assert Corrections([drop(), to()]).of(A, ("cat",))[:2] == (("dog",), None)
    assert Corrections([to(), drop(old=("dog",))]).of(A, ("cat",)).dropped


def test_labels_of_several_are_a_set():
    found = Corrections([decision(sha256=A, old=("a", "b"), new=("c", "a"))])
    assert found.of(A, ("b", "a")).labels == ("a", "c")
    assert found.of(A, ()).labels == ()


@pytest.mark.parametrize(
    ("made", "new"),
    [
        ([to(), to(B, "dog", "cow")], {"dog", "cow"}),
        ([to(new="horse"), to(old="horse", new="cow")], {"cow"}),  # nobody needs horse any more
        ([to(new="horse"), keep(old=("horse",))], {"horse"}),
        ([to(new="horse"), drop(old=("horse",))], set()),
        ([to(old="dog", new="cat"), to()], {"dog"}),
        ([drop(), keep(B)], set()),
        ([], set()),
    ],
)
def test_the_labels_that_images_have_in_the_end(made, new):
    assert Corrections(made).new_labels == new


def test_where_masks_or_boxes_are_annotated_no_label_is_new():
    assert Corrections([to(new="horse"), drop(B)], any_labels=True).new_labels == set()


def test_the_key_changes_with_what_is_done_and_with_nothing_else():
    plain = Corrections([to()])
    assert plain.key() == Corrections([to(), keep(B)]).key() != ""
    assert plain.key() == Corrections([keep(), keep(B), decision(sha256=A, path="moved")]).key()
    assert Corrections([]).key() == Corrections([keep()]).key() == ""
    others = [[to(), keep()], [to(new="cow")], [drop()], [to(), to(B)], [to(old="cow")]]
    keys = {Corrections(one).key() for one in others}
    assert "" in keys and len(keys - {plain.key(), ""}) == 4
    assert not Corrections([to(), keep()])


def test_the_extent_ends_with_the_last_that_matters():
    assert Corrections([to(), keep(B), keep(C)]).extent == 1
    assert Corrections([keep(B), to(), keep(old=("dog",)), keep(B)]).extent == 3
    assert Corrections([keep()]).extent == 0


def listing(*files: tuple[str, str]) -> folder.Listing:
    found = tuple(
        folder.ImageFile(path, (labels,) if labels else (), None, 7, 7) for path, labels in files
    )
    return folder.Listing(Path("root"), found)


def rows(**digests: str) -> dict:
    made = [index_rows.row(f"{path}.jpg")._replace(sha256=one) for path, one in digests.items()]
    return {row.path: row for row in made}


def test_files_are_found_by_their_contents():
    files = listing(("a.jpg", "cat"), ("b.jpg", "cat"), ("c.jpg", "cat"), ("d.jpg", "dog"))
    known = rows(a=A, b=B, c=C, d=A)
    made = [
        to(path="moved.jpg"),
        drop(B, by="ada", why="blurred"),
        to(C, old="cow"),
        to(D, path="gone.jpg"),
        to(C, old="cow", new="cat"),
    ]
    found = apply(files, known, Corrections(made))
    assert {file.path: file.labels for file in found.listing.files} == {
        "a.jpg": ("dog",),
        "b.jpg": ("cat",),
        "c.jpg": ("cat",),
        "d.jpg": ("dog",),
    }
    rejected = found.rows["b.jpg"].result
    assert rejected == decode.Rejection("dropped", "by ada, 2031-05-01T09:30:00Z: blurred")
    assert known["b.jpg"].result != rejected  # the index itself stays
    done = found.applied([("a.jpg", "test"), ("c.jpg", "train"), ("d.jpg", "train")])
    assert done.relabelled == [Relabelled("a.jpg", "test", ("cat",), ("dog",))]
    assert (done.dropped, done.settled) == (1, 1)
    assert done.idle == [
        Idle("gone.jpg", ("cat",), ("dog",), Action.RELABEL, Unmatched.NO_SUCH_IMAGE)
    ]
    assert done.sentence() == (
        "1 label corrected (1 test), 1 image dropped, 1 correction that no image matches any more"
    )


def test_a_label_that_was_changed_otherwise_meanwhile_is_told():
    found = apply(listing(("a.jpg", "cow")), rows(a=A), Corrections([to()]))
    assert [one.reason for one in found.idle] == [Unmatched.OTHER_LABELS]
    assert found.listing.files[0].labels == ("cow",)


def test_where_objects_are_annotated_images_are_dropped_whatever_their_labels():
    made = Corrections([drop(old=("x", "y")), to(B)], any_labels=True)
    found = apply(listing(("a.jpg", ""), ("b.jpg", "cat")), rows(a=A, b=B), made)
    assert isinstance(found.rows["a.jpg"].result, decode.Rejection)
    assert found.listing.files[1].labels == ("cat",)
    assert found.applied([("b.jpg", "train")]).sentence() == "1 image dropped"
