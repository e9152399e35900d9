import pytest

from data import errors
from data.masks import class_list


def names(name, text):
    return [(one.name, one.value, one.colour) for one in class_list.parse(name, text.encode())]


def test_a_name_a_line():
    assert names("classes.txt", "\ufeffsky\n\nroad\n") == [("sky", 0, None), ("road", 1, None)]


def test_numbered_lines():
    assert names("codes.txt", "1: sky\n0: road\n") == [("road", 0, None), ("sky", 1, None)]


def test_coloured_lines():
    text = "64 128 64\tAnimal\n0 0 0\tVoid\n"
    assert names("label_colors.txt", text) == [("Animal", 0, 0x408040), ("Void", 1, 0)]


@pytest.mark.parametrize("separator", [",", ";"])
def test_a_colour_map(separator):
    text = "Red,green,Blue,name\n1,2,3,sky\n255,0,0,road\n".replace(",", separator)
    assert names("class_dict.csv", text) == [("sky", 0, 0x010203), ("road", 1, 0xFF0000)]


def test_all_problems_are_told_with_their_lines():
    text = "name,r,g,b\nsky,1,2,300\nroad,1,2\nsky,1,2,3\nsky,4,5,6\n"
    with pytest.raises(errors.DataError) as raised:
        class_list.parse("classes.csv", text.encode())
    assert raised.value.problems == (
        "classes.csv, line 3: 3 columns, not 4.",
        "classes.csv, line 2: the colour 1,2,300 is not three of 0–255.",
        "classes.csv, line 5: 'sky' is also in line 4.",
    )


def test_void_by_name():
    entries = class_list.of_names(["sky", "Void", "Unlabelled", "avoid"])
    assert [one.is_void for one in entries] == [False, True, True, False]
