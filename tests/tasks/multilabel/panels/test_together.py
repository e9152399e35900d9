import numpy as np

from tasks.multilabel.panels import together

NAMES = ["sky", "sea", "dog"]
HAS = np.array([[1, 1, 0], [1, 1, 0], [1, 0, 0], [0, 0, 0]], bool)


def naive(has, first, second):
    return sum(bool(row[first] and row[second]) for row in has)


def test_cells_count_images_with_both():
    random = np.random.default_rng(0)
    has = random.random([50, 3]) < [0.8, 0.4, 0.1]
    found = together.build(NAMES, has, has)
    for row in range(3):
        for column in range(3):
            cell = found.cells[row][column]
            assert cell.count == naive(has, row, column)
            assert cell.total == has[:, row].sum()
            assert cell.is_own == (row == column)
    assert found.swapped == []


def test_pairs_come_by_the_share_of_the_rarer_label():
    found = together.build(NAMES, HAS, HAS)
    [pair] = found.pairs
    assert (pair.first, pair.second, pair.count) == ("sky", "sea", 2)
    assert (pair.first_share, pair.second_share) == (2 / 3, 1.0)
    assert found.cells[0][1].sentence == "sea beside sky: 2 of 3 (66.7%)"
    assert found.cells[2][0].sentence == ""


def test_a_missed_label_with_a_wrong_one_in_its_place():
    gives = HAS.copy()
    gives[:2, 1], gives[:2, 2] = False, True
    [pair] = together.build(NAMES, HAS, gives).swapped
    assert (pair.first, pair.second, pair.count) == ("sea", "dog", 2)
    assert (pair.first_share, pair.second_share) == (1.0, 1.0)


def test_many_labels_have_pairs_and_no_matrix():
    has = np.eye(together.LARGE + 1, dtype=bool)
    has[:, 0] = True
    names = [f"label {index}" for index in range(len(has))]
    found = together.build(names, has, has)
    assert (found.cells, found.names) == ([], [])
    assert len(found.pairs) == together.MAX_PAIRS
