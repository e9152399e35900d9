import numpy as np

from tasks.statistics import groups


def test_equal_matches_have_one_number_and_float32_holds_it():
    pattern = "([^/]*)_f[0-9]+"
    first, second = (groups.number(pattern, f"a/film1_f{frame}.png") for frame in (3, 40))
    assert first == second != groups.number(pattern, "a/film2_f3.png")
    assert tuple(np.array(first, np.float32).astype(float)) == first
    assert groups.number(pattern, b"a/film1_f7.png") == first


def test_without_a_match_every_image_is_alone():
    assert groups.number(None, "a.png") == groups.number("x", "a.png") == groups.ALONE
    assert groups.keys(None, ["a.png"]) is None
    assert groups.keys("(b)[0-9]", ["b1.png", "b2.png", "c.png"]) == ["b", "b", 2]
