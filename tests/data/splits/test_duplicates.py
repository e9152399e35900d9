import numpy as np
import pytest

from data.splits import duplicates, split

RANDOM = np.random.default_rng(0)


def hashes(count: int) -> list[str]:
    return [row.tobytes().hex() for row in RANDOM.integers(0, 256, (count, 32), np.uint8)]


def changed(phash: str, bits: int, seed: int = 0) -> str:
    chosen = np.random.default_rng(seed).choice(256, bits, replace=False)
    return f"{int(phash, 16) ^ sum(1 << int(bit) for bit in chosen):064x}"


def test_finds_what_a_plain_loop_finds():
    base = hashes(60)
    phashes = [*base, *(changed(phash, 3 * i, seed=i) for i, phash in enumerate(base[:30]))]
    expected = sorted(
        (distance, a, b)
        for a in range(len(phashes))
        for b in range(a + 1, len(phashes))
        if (distance := (int(phashes[a], 16) ^ int(phashes[b], 16)).bit_count()) <= 56
    )
    assert len(expected) == 19  # 0, 3, … 54 bits
    assert duplicates.find_pairs(phashes, [100] * len(phashes)) == expected


def test_both_ways_of_finding_agree(monkeypatch):
    base = hashes(2_000)
    phashes = [*base, *(changed(phash, 40, seed=i) for i, phash in enumerate(base[:500]))]
    exact = duplicates.find_pairs(phashes, [100] * len(phashes))
    assert len(exact) == 500
    monkeypatch.setattr(duplicates, "EXACT_IMAGES", 100)
    by_keys = duplicates.find_pairs(phashes, [100] * len(phashes))
    assert set(by_keys) <= set(exact)
    assert len(by_keys) >= 495


def test_one_hash_many_times_is_linked_to_the_first():
    (phash,) = hashes(1)
    assert duplicates.find_pairs([phash] * 4, [9] * 4) == [(0, 0, 1), (0, 0, 2), (0, 0, 3)]


@pytest.mark.parametrize(("side_px", "found"), [(200, True), (64, True), (32, False)])
def test_the_bound_shrinks_for_small_images(side_px, found):
    (phash,) = hashes(1)
    pairs = duplicates.find_pairs([phash, changed(phash, 40)], [side_px, 200])
    assert bool(pairs) == found


@pytest.mark.parametrize("count", [0, 1])
def test_too_few_to_compare(count):
    assert duplicates.find_pairs(hashes(count), [9] * count) == []


def test_groups_are_transitive():
    assert duplicates.group(6, [(4, 2), (2, 5), (0, 1)]) == [0, 0, 2, 3, 2, 2]
    chain = [(i, i + 1) for i in range(9_999)]
    assert set(duplicates.group(10_000, reversed(chain))) == {0}


def test_images_of_a_single_colour_are_no_near_duplicates():
    one, other = hashes(2)
    flat = "0" * 64
    phashes = [flat, one, flat, other, changed(one, 5), flat]
    assert duplicates.find_pairs(phashes, [99] * 6) == [(5, 1, 4)]


def test_look_alikes_lower_the_distance():
    """A class of 30 that are 40 bits apart is one kind of picture, no copies of one."""
    (base,) = hashes(1)
    alike = [changed(base, 20, seed=i) for i in range(30)]
    copies = [changed(phash, 6, seed=99) for phash in alike[:3]]
    others = hashes(40)
    phashes = [*alike, *copies, *others, *(changed(phash, 40) for phash in others[:3])]
    names = ["x"] * 33 + ["y"] * 43
    sides = [200] * len(phashes)
    pairs, distance = duplicates.find_plausible_pairs(phashes, sides, names)
    assert distance < 40
    assert {(0, 30), (1, 31), (2, 32)} <= {(a, b) for _, a, b in pairs}
    assert max(row[0] for row in pairs) <= distance
    photos, full = duplicates.find_plausible_pairs(phashes[33:], sides[33:], names[33:])
    assert full == split.MAX_DISTANCE
    assert len(photos) == 3


def test_copies_of_one_image_are_no_look_alikes():
    (base,) = hashes(1)
    phashes = [base] * 25 + hashes(30)
    _, distance = duplicates.find_plausible_pairs(phashes, [200] * 55, ["x"] * 55)
    assert distance == split.MAX_DISTANCE
