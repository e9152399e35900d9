import pytest

from data import errors
from data.sources import registry as label_sources
from tests.data import manifests
from tests.data.folders import touch


def listed(tmp_path, content: bytes, name="labels.csv", **settings):
    touch(tmp_path, "a.jpg", "b.jpg")
    (tmp_path / name).write_bytes(content)
    return manifests.listed(tmp_path / name, **settings)


def refused(tmp_path, content: bytes, name="labels.csv", **settings) -> str:
    touch(tmp_path, "a.jpg", "b.jpg")
    (tmp_path / name).write_bytes(content)
    with pytest.raises(errors.DataError) as caught:
        label_sources.scan(manifests.request(tmp_path / name, **settings))
    return str(caught.value)


TEXT = "file_name,label\na.jpg,Café\nb.jpg,Tee\n"
LABELS = {"a.jpg": ("Café",), "b.jpg": ("Tee",)}


@pytest.mark.parametrize(
    ("encoding", "described"),
    [
        ("utf-8", "UTF-8"),
        ("utf-8-sig", "UTF-8"),
        ("utf-16", "UTF-16"),
        ("utf-32", "UTF-32"),
    ],
)
def test_encodings_with_a_mark(tmp_path, encoding, described):
    listing = listed(tmp_path, TEXT.encode(encoding))
    assert manifests.labels(listing) == LABELS
    assert listing.understood[0].startswith(
        f"labels:  labels.csv (CSV, {described}, 2 rows): path in file_"
    )


def test_big_endian_with_a_mark(tmp_path):
    content = b"\xfe\xff" + TEXT.encode("utf-16-be")
    assert manifests.labels(listed(tmp_path, content)) == LABELS


@pytest.mark.parametrize("encoding", ["latin-1", "cp1252", "utf-16-le"])
def test_other_encodings_are_named(tmp_path, encoding):
    content = TEXT.encode(encoding)
    listing = listed(tmp_path, content, encoding=encoding)
    assert manifests.labels(listing) == LABELS
    assert f"(CSV, {encoding}, 2 rows)" in listing.understood[0]
    message = refused(tmp_path, content)
    if encoding == "utf-16-le":
        assert "line 1 holds a zero byte; UTF-16 without a mark" in message
    else:
        assert (
            "line 2 is no UTF-8 text; name the encoding, such as --labels.encoding cp1252, in which"
            " the line reads 'a.jpg,Café'" in message
        )


def test_a_wrong_encoding(tmp_path):
    message = refused(tmp_path, TEXT.encode("latin-1"), encoding="ascii")
    assert "labels.csv cannot be used: it is no ascii text, at line 1 or later (" in message
    message = refused(tmp_path, TEXT.encode(), encoding="utf-16")
    assert "labels.csv cannot be used: " in message


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
def test_ends_of_lines(tmp_path, end):
    content = TEXT.encode().replace(b"\n", end)
    assert manifests.labels(listed(tmp_path, content)) == LABELS
    assert manifests.labels(listed(tmp_path, content.rstrip(end))) == LABELS
    # Blank lines do not count as rows, but as lines.
    content = end + content + end + b"c.jpg,x" + end
    assert "(line 6: c.jpg)" in refused(tmp_path, content)


@pytest.mark.parametrize(
    ("text", "described"),
    [
        ("file_name;label\na.jpg;x, y\nb.jpg;z\n", "CSV, UTF-8, delimiter ;"),
        ("file_name\tlabel\na.jpg\tx, y\nb.jpg\tz\n", "TSV, UTF-8"),
        ("file_name|label\na.jpg|x, y\nb.jpg|z\n", "CSV, UTF-8, delimiter |"),
        ('file_name,label\na.jpg,"x, y"\nb.jpg,z\n', "CSV, UTF-8"),
        ("\"file_name\",'label'\n", None),
        ('a;b,file_name,label\n1;2,a.jpg,"x, y"\n3,b.jpg,z\n', "CSV, UTF-8"),
    ],
)
def test_delimiters_are_told_by_the_header(tmp_path, text, described):
    if described is None:
        assert "no image that has a label" not in refused(tmp_path, text.encode(), label_column="x")
        return
    listing = listed(tmp_path, text.encode())
    assert manifests.labels(listing) == {"a.jpg": ("x, y",), "b.jpg": ("z",)}
    assert f"({described}, 2 rows)" in listing.understood[0]


def test_a_delimiter_that_is_given(tmp_path):
    text = "file_name:label\na.jpg:x\nb.jpg:y\n"
    assert "has no column of paths" in refused(tmp_path, text.encode())
    listing = listed(tmp_path, text.encode(), delimiter=":")
    assert manifests.labels(listing) == {"a.jpg": ("x",), "b.jpg": ("y",)}


def test_quotes(tmp_path):
    text = 'file_name,label\n"a.jpg","a ""big"" one"\n"b.jpg",two\n'
    assert manifests.labels(listed(tmp_path, text.encode())) == {
        "a.jpg": ('a "big" one',),
        "b.jpg": ("two",),
    }


@pytest.mark.parametrize(
    ("row", "line"), [('a.jpg,"x" y', 4), ('a.jpg,"x\nb.jpg,y\n', 4), ('"' + "x\n" * 100_000, 4)]
)
def test_quotes_that_are_wrong(tmp_path, row, line):
    message = refused(tmp_path, f'file_name,label\na.jpg,"x\ny"\n{row}'.encode(), separator="none")
    assert f"line {line} begins a row that cannot be parsed" in message
    assert len(message) < 1000


@pytest.mark.parametrize("content", [b"", b"\n\n", b"\xef\xbb\xbf", b"\0" * 100])
def test_files_without_a_header(tmp_path, content):
    assert "labels.csv cannot be used: " in refused(tmp_path, content)


def test_a_line_without_an_end(tmp_path):
    content = b"file_name,label\n" + b"x" * (1 << 20) + b"x"
    assert "line 2 has more than 1,048,576 characters" in refused(tmp_path, content)


def test_a_header_does_not_command_the_terminal(tmp_path):
    message = refused(tmp_path, b"file_name,\x1b[2Jlabel,b\xc2\x9b1m\n")
    assert r"its columns are file_name, \x1b[2Jlabel, b\x9b1m. Name it" in message
    content = b"file_name,label,\x1b[2Jx\na.jpg,x,\nb.jpg,y,\n"
    assert r"columns that are not used: \x1b[2Jx" in listed(tmp_path, content).understood


def test_cells_behind_the_last_column(tmp_path):
    listing = listed(tmp_path, b"file_name,label\na.jpg,x,,\nb.jpg,y\n")
    assert manifests.labels(listing) == {"a.jpg": ("x",), "b.jpg": ("y",)}
