"""Each encoding of a mask is recognised from a set of masks, said, and converted to class numbers."""

import numpy as np
import pytest
from PIL import Image, ImageFilter

from data import errors
from data.images import decode, decode_config
from data.masks import VOID, class_list, convert, encoding, mask_file
from data.masks import config as mask_config
from tests.data.masks import made

LIMITS = decode_config.Limits()
PLAIN = mask_config.MaskConfig()
TABLE = {0: (0, 0, 0), 1: (200, 30, 40), 2: (0, 250, 90)}


def decided(files, entries=(), config=PLAIN):
    tally = encoding.Tally()
    for content in files:
        tally.add(mask_file.look(content, LIMITS))
    return encoding.decide(tally, list(entries), config)


def converted(content, found, size=None):
    values = mask_file.read(content, LIMITS)
    size = size or values.array.shape
    return convert.convert(values, found, found.class_names, size, size)


def array_of(content, found):
    result = converted(content, found)
    assert isinstance(result, convert.Converted), result
    return result.array


INDEX = made.stripes([0, 1, 2, 255])
WANTED = made.stripes([0, 1, 2, VOID])


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (made.png(INDEX), "grey of 8 bits: 3 classes by value (0–2); void is 255"),
        (made.palette(INDEX), "palette images by index: 3 classes by value (0–2); void is 255"),
        (made.png(INDEX.astype(np.uint16)), "grey of 16 bits: 3 classes by value (0–2)"),
        (made.png(np.repeat(INDEX[..., None], 3, 2)), "grey of 8 bits: 3 classes by value (0–2)"),
    ],
)
def test_class_numbers(content, said):
    found = decided([content])
    assert found.kind == encoding.INDEX
    assert found.sentence.startswith(said)
    np.testing.assert_array_equal(array_of(content, found), WANTED)


@pytest.mark.parametrize(
    "content",
    [
        made.png(made.stripes([0, 255])),
        made.png(made.stripes([0, 255]).astype(np.uint16) * 257),
        made.saved(Image.fromarray(made.stripes([0, 255])).convert("RGB"), "PNG"),
        made.saved(
            Image.merge("LA", [Image.new("L", (20, 12)), Image.fromarray(made.stripes([0, 255]))]),
            "PNG",
        ),
    ],
    ids=["8 bits", "16 bits", "grey as RGB", "alpha"],
)
def test_two_values(content):
    found = decided([content])
    assert found.kind == encoding.BINARY
    assert found.class_names == ["background", "foreground"]
    np.testing.assert_array_equal(array_of(content, found), made.stripes([0, 1]))


def test_one_bit():
    content = made.saved(Image.fromarray(made.stripes([0, 255])).convert("1"), "PNG")
    found = decided([content])
    assert "1 bit: 2 classes by value" in found.sentence
    np.testing.assert_array_equal(array_of(content, found), made.stripes([0, 1]))


def test_255_is_void_beside_class_numbers_and_a_class_beside_0_alone():
    assert 255 in decided([made.png(made.stripes([0, 1, 255]))]).void
    assert decided([made.png(made.stripes([0, 255]))]).classes == {
        0: "background",
        255: "foreground",
    }


def test_0_1_next_to_0_255_is_said():
    files = [made.png(made.stripes([0, 1])), made.png(made.stripes([0, 255]))]
    found = decided(files)
    assert "1 masks have 0 and 1 instead" in found.sentence
    for content in files:
        np.testing.assert_array_equal(array_of(content, found), made.stripes([0, 1]))


def test_antialiased_masks_are_snapped_and_said():
    sharp = np.zeros((160, 160), np.uint8)
    sharp[40:120, 40:120] = 255
    soft = Image.fromarray(sharp).filter(ImageFilter.GaussianBlur(0.7))
    found = decided([made.saved(soft, "PNG")])
    result = converted(made.saved(soft, "PNG"), found)
    assert found.kind == encoding.BINARY and "snapped" in found.sentence
    assert 0 < result.snapped_share < 0.1
    assert (result.array != (sharp > 0)).mean() < 0.01


def test_masks_between_classes_are_refused_beyond_the_bound():
    sharp = np.zeros((64, 64), np.uint8)
    sharp[16:48, 16:48] = 255
    found = decided([made.png(sharp)])
    blurred = made.saved(Image.fromarray(sharp).filter(ImageFilter.GaussianBlur(6)), "PNG")
    result = converted(blurred, found)
    assert isinstance(result, decode.Rejection) and result.reason == "values_between_classes"


def test_a_binary_jpeg_is_snapped():
    sharp = np.zeros((64, 64), np.uint8)
    sharp[16:48, 16:48] = 255
    content = made.saved(Image.fromarray(sharp), "JPEG", quality=80)
    found = decided([content])
    assert found.kind == encoding.BINARY
    np.testing.assert_array_equal(array_of(content, found), sharp // 255)


def test_class_numbers_in_a_jpeg_are_refused():
    content = made.saved(Image.fromarray(made.stripes([0, 1, 2, 3], 64, 64)), "JPEG")
    with pytest.raises(errors.DataError, match="does not keep class numbers"):
        decided([content], class_list.of_names(["a", "b", "c", "d"]))


def test_colours_need_a_map():
    content = made.png(made.colours(made.stripes([0, 1, 2]), TABLE))
    with pytest.raises(errors.DataError, match=r"#c81e28.*class_dict.csv"):
        decided([content])


@pytest.mark.parametrize("file_format", ["PNG", "JPEG"])
def test_colours_by_a_map_even_if_they_are_lossy(file_format):
    rows = "name,r,g,b\nsky,0,0,0\nroad,200,30,40\nVoid,0,250,90\n"
    entries = class_list.parse("class_dict.csv", rows.encode())
    picture = made.colours(made.stripes([0, 1, 2], 64, 96), TABLE)
    content = made.saved(
        Image.fromarray(picture),
        file_format,
        **({"quality": 95, "subsampling": 0} if file_format == "JPEG" else {}),
    )
    found = decided([content], entries)
    assert found.class_names == ["sky", "road"]
    np.testing.assert_array_equal(array_of(content, found), made.stripes([0, 1, VOID], 64, 96))


def test_a_class_named_void_is_void():
    found = decided([made.png(made.stripes([0, 1, 2]))], class_list.of_names(["a", "b", "Void"]))
    assert found.class_names == ["a", "b"] and 2 in found.void


def test_void_by_setting():
    found = decided([made.png(made.stripes([0, 1, 11]))], config=mask_config.MaskConfig(void=[11]))
    np.testing.assert_array_equal(
        array_of(made.png(made.stripes([0, 1, 11])), found), made.stripes([0, 1, VOID])
    )


def test_unknown_values_go_to_quarantine():
    found = decided([made.png(made.stripes([0, 1, 9]))], class_list.of_names(["a", "b"]))
    assert "unknown values: 9" in found.sentence
    result = converted(made.png(made.stripes([0, 1, 9])), found)
    assert result == decode.Rejection("unknown_mask_values", "9")


def test_instance_masks_are_recognised_and_become_one_class_by_setting():
    files = [made.png(made.stripes(list(range(n)), 4, 64)) for n in (14, 15, 17, 19, 23, 30)]
    with pytest.raises(errors.DataError, match=r"number their objects.*instances true"):
        decided(files)
    found = decided(files, config=mask_config.MaskConfig(instances=True))
    assert found.class_names == ["background", "object"]
    assert array_of(files[0], found).max() == 1


def test_a_mask_of_another_size_is_scaled_if_its_shape_agrees():
    found = decided([made.png(INDEX)])
    values = mask_file.read(made.png(INDEX), LIMITS)
    result = convert.convert(values, found, found.class_names, (24, 40), (24, 40))
    assert result.resized
    np.testing.assert_array_equal(result.array, np.kron(WANTED, np.ones((2, 2), np.uint8)))
    wrong = convert.convert(values, found, found.class_names, (20, 20), (20, 20))
    assert wrong.reason == "mask_of_another_shape"
    turned = convert.convert(values, found, found.class_names, (20, 12), (20, 12))
    assert turned.reason == "transposed_mask"


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_turns_as_pillow_does(orientation):
    from PIL import ImageOps

    array = np.arange(12, dtype=np.uint8).reshape(3, 4)
    image = Image.fromarray(array)
    image.getexif()[0x0112] = orientation
    wanted = np.asarray(ImageOps.exif_transpose(image))
    np.testing.assert_array_equal(mask_file.upright(array, orientation), wanted)


def test_a_mask_turns_with_its_image_unless_it_is_upright():
    found = decided([made.png(INDEX)])
    stored = mask_file.read(made.png(INDEX), LIMITS)
    result = convert.convert(stored, found, found.class_names, (20, 12), (12, 20), 6)
    assert result.turned
    np.testing.assert_array_equal(result.array, np.rot90(WANTED, 3))
    upright = mask_file.read(made.png(np.rot90(INDEX, 3).copy()), LIMITS)
    result = convert.convert(upright, found, found.class_names, (20, 12), (12, 20), 6)
    assert not result.turned
    np.testing.assert_array_equal(result.array, np.rot90(WANTED, 3))


def test_a_bad_file_is_a_reason():
    assert mask_file.look(b"", LIMITS).reason == "empty"
    assert mask_file.look(b"nothing", LIMITS).reason == "not_an_image"
    assert mask_file.look(made.png(INDEX)[:60], LIMITS).reason == "damaged"


def test_many_values_without_a_class_list_are_refused():
    content = made.png(np.arange(100, 200, dtype=np.uint8).reshape(10, 10))
    with pytest.raises(errors.DataError, match="too many to be class numbers"):
        decided([content])
