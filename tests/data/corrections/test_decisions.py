"""The file of corrections: what is written is read back, and nothing else is taken."""

import multiprocessing

import pytest

from data import errors
from data.corrections import decisions
from data.corrections.decisions import Action
from tests.data.corrections.made import SHA, WHEN, decision


@pytest.fixture
def log(tmp_path) -> decisions.Log:
    return decisions.Log(tmp_path / "corrections" / "pets.csv")


def test_without_a_file_there_are_no_decisions(log):
    assert log.read() == []
    assert not log.path.parent.exists()


ODD = (
    "=1+1",
    "'=1",
    "''",
    "a,b",
    '"quoted"',
    "[cat]",
    "[]",
    "a|b",
    "Žluťoučký",
    "-1",
    "'n Beetje",
    " spaces ",
)


@pytest.mark.parametrize("name", ODD)
def test_any_name_is_read_back(log, name):
    made = [
        decision(path=name, old=(name,), new=("x", name), by=name, why=name),
        decision(old=(), new=(name,)),
        decision(old=(name, "y"), new=(name, "y"), action=Action.DROP),
    ]
    log.append(made)
    assert log.read() == made


def test_a_row_looks_as_documented(log):
    log.append([decision(why="=HYPERLINK()"), decision(action=Action.KEEP, new=("cat",))])
    assert log.path.read_text().splitlines() == [
        "path,sha256,old,new,by,when,why,action",
        f"cat/1.jpg,{SHA},cat,dog,ada,{WHEN},'=HYPERLINK(),relabel",
        f"cat/1.jpg,{SHA},cat,,ada,{WHEN},,keep",
    ]


def test_a_path_that_is_no_utf_8_is_escaped(log):
    log.append([decision(path="cat/\udcff\n.jpg")])
    assert log.read()[0].path == "cat/\\udcff\n.jpg"


def test_undo_removes_the_newest_alone(log):
    first, second = decision(), decision(sha256="cd" * 32)
    log.append([first])
    log.append([second])
    with pytest.raises(errors.DataError, match=r"of cat/1.jpg is not the newest"):
        log.undo(first)
    log.undo(second)
    assert log.read() == [first]
    log.undo(first)
    assert log.read() == []
    with pytest.raises(errors.DataError, match="not the newest"):
        log.undo(first)


def test_the_oldest_alone_can_be_read(log):
    made = [decision(sha256=f"{number:064x}") for number in range(5)]
    log.append(made)
    assert log.read(rows=2) == made[:2]


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ({"sha256": "ab"}, "not 64 hex digits"),
        ({"path": ""}, "a path has 1 to"),
        ({"path": "x" * 20_000}, "a path has 1 to"),
        ({"new": ("a\nb",)}, "are no names of classes"),
        ({"new": ("",)}, "are no names of classes"),
        ({"new": ("x" * 5000,)}, "or too many"),
        ({"new": ("cat",)}, "relabel changes nothing"),
        ({"by": "x" * 501}, "by has at most 500"),
        ({"why": "a\nb"}, "why has at most 500"),
        ({"when": "yesterday"}, "'yesterday' is not of the form"),
    ],
)
def test_what_could_not_be_read_back_is_not_written(log, bad, message):
    log.append([decision()])
    before = log.path.read_bytes()
    with pytest.raises(errors.DataError, match=message):
        log.append([decision(sha256="ef" * 32), decision(**bad)])
    assert log.path.read_bytes() == before


ROW = f"cat/1.jpg,{SHA},cat,dog,ada,{WHEN},,relabel"


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (ROW[:-3], "correction 1: the action 'rela'; allowed are keep, relabel, drop, not_sure"),
        (ROW[:40], "correction 1: 2 cells; 8 are needed"),
        (ROW.replace("dog", ""), "new is '' with the action relabel; only relabel needs it"),
        (ROW.replace("relabel", "keep"), "new is 'dog' with the action keep"),
        (ROW.replace("cat,dog", '"[""a"", ""a""]",dog'), "names a class twice"),
        (ROW.replace("cat,dog", "[1],dog"), "names no classes"),
        (ROW.replace("cat,dog", "[oops,dog"), "it is no JSON"),
    ],
)
def test_a_row_that_cannot_be_used(log, row, message):
    log.path.parent.mkdir()
    log.path.write_text(f"{','.join(decisions.HEADER)}\n{row}\n")
    with pytest.raises(errors.DataError) as caught:
        log.read()
    assert message in str(caught.value) and str(log.path) in str(caught.value)
    assert "every correction would be lost" in str(caught.value)


def test_all_that_is_wrong_is_told_at_once(log):
    log.append([decision()])
    bad = "\n".join(ROW.replace("relabel", f"no{number}") for number in range(8))
    log.path.write_text(f"{log.path.read_text()}{bad}\n")
    with pytest.raises(errors.DataError) as caught:
        log.read()
    (sentence,) = caught.value.problems
    assert "correction 2: the action 'no0'" in sentence and "correction 6:" in sentence
    assert "correction 7" not in sentence and "and 3 more" in sentence


def test_the_previous_version_is_kept(log):
    log.append([decision()])
    log.append([decision(sha256="cd" * 32)])
    log.path.write_text("")
    with pytest.raises(errors.DataError, match=r"Copy .*pets\.csv\.previous"):
        log.read()


def test_a_torn_file_is_not_added_to(log):
    log.append([decision()])
    log.path.write_bytes(log.path.read_bytes()[:-4])
    before = log.path.read_bytes()
    with pytest.raises(errors.DataError, match="the end of its last is missing"):
        log.append([decision(sha256="cd" * 32)])
    assert log.path.read_bytes() == before


def _append(path, number):
    decisions.Log(path).append([decision(sha256=f"{number:064x}")])


def test_several_processes_lose_no_decision(log):
    context = multiprocessing.get_context("fork")
    started = [context.Process(target=_append, args=(log.path, number)) for number in range(12)]
    for process in started:
        process.start()
    for process in started:
        process.join()
    assert sorted(int(one.sha256, 16) for one in log.read()) == list(range(12))
