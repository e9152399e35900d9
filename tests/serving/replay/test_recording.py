import base64
import json
import os
import stat

import pytest

from serving import errors
from serving.replay import recording

IMAGES = [b"\xff\xd8 one", b"", b"\x89PNG\n two"]


@pytest.fixture
def said() -> list[str]:
    return []


def recorder(path, said, fraction=1.0, limit_bytes=1000) -> recording.Recorder:
    return recording.Recorder(path, fraction, limit_bytes, said.append)


def read(path) -> list[bytes]:
    return [one.read() for one in recording.of_file(path)[0]]


def test_what_is_recorded_is_read_again(tmp_path, said):
    path = tmp_path / "recorded.jsonl"
    recorder(path, said).write(IMAGES)
    recorder(path, said).write(IMAGES[:1])
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    found, unreadable = recording.of_file(path)
    assert [one.name for one in found] == [
        "line 1, image 1",
        "line 1, image 2",
        "line 1, image 3",
        "line 2",
    ]
    assert read(path) == [*IMAGES, IMAGES[0]]
    assert not unreadable
    encoded = base64.b64encode(IMAGES[0]).decode()
    assert json.loads(path.read_text().splitlines()[1]) == {"instances": [{"b64": encoded}]}


def test_the_file_does_not_grow_beyond_its_limit(tmp_path, said):
    path = tmp_path / "recorded.jsonl"
    full = recorder(path, said, limit_bytes=150)
    for _ in range(9):
        full.write([b"x" * 30])
    assert len(read(path)) == 2
    assert path.stat().st_size <= 150
    assert not full.takes()
    assert said == [
        f"{path} has {path.stat().st_size} bytes, and --record-limit-bytes is 150; no more is"
        " recorded."
    ]


def test_a_torn_line_spoils_no_other(tmp_path, said):
    path = tmp_path / "recorded.jsonl"
    recorder(path, said).write(IMAGES[:1])
    os.truncate(path, path.stat().st_size - 9)
    recorder(path, said).write(IMAGES[2:])
    found, [unreadable] = recording.of_file(path)
    assert [one.name for one in found] == ["line 2"]
    assert unreadable.name == "line 1"
    assert "JSON" in unreadable.reason
    assert read(path) == IMAGES[2:]


def test_a_share_is_recorded(tmp_path, said):
    path = tmp_path / "recorded.jsonl"
    assert not any(recorder(path, said, fraction=0.0).takes() for _ in range(100))
    half = recorder(path, said, fraction=0.5)
    assert 300 < sum(half.takes() for _ in range(1000)) < 700


def test_a_file_that_cannot_be_written(tmp_path, said):
    with pytest.raises(errors.UserError, match=r"--record .*nowhere/a cannot be written: No such"):
        recorder(tmp_path / "nowhere" / "a", said)
    (tmp_path / "there").mkdir()
    path = tmp_path / "there" / "a"
    broken = recorder(path, said)
    path.unlink()
    path.parent.rmdir()
    broken.write(IMAGES)
    assert said == [f"{path} cannot be written: No such file or directory; no more is recorded."]


def test_a_file_that_others_can_read_or_change_is_not_recorded_into(tmp_path, said):
    path = tmp_path / "recorded.jsonl"
    path.write_bytes(b"")
    path.chmod(0o644)
    recorder(path, said).write(IMAGES)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to(path)
    with pytest.raises(errors.UserError, match=r"--record .*link cannot be written: A symbolic l"):
        recorder(tmp_path / "link", said)
    with pytest.raises(errors.UserError, match=r"--record .*pipe cannot be written: Not a regular"):
        recorder(tmp_path / "pipe", said)
    # A file that is replaced while the server runs is checked again.
    running = recorder(tmp_path / "second", said)
    (tmp_path / "second").unlink()
    (tmp_path / "second").symlink_to(path)
    before = path.read_bytes()
    running.write(IMAGES)
    assert said == [
        f"{tmp_path / 'second'} cannot be written: A symbolic link; no more is recorded."
    ]
    assert path.read_bytes() == before


def test_files_of_a_folder_are_sorted_and_hidden_ones_left_out(tmp_path):
    for name in ("b/2.jpg", "a.jpg", "b/.hidden", ".git/x", "b/10.jpg"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(name.encode())
    found = recording.of_folder(tmp_path)
    assert [one.name for one in found] == ["a.jpg", "b/10.jpg", "b/2.jpg"]
    assert found[2].read() == b"b/2.jpg"


def test_what_is_no_regular_file_is_told_and_not_read(tmp_path, monkeypatch):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "nowhere").symlink_to(tmp_path / "gone")
    (tmp_path / "large.jpg").write_bytes(b"123456")
    monkeypatch.setattr(recording, "MAX_IMAGE_BYTES", 5)
    large, nowhere, pipe = recording.of_folder(tmp_path)
    with pytest.raises(OSError, match="It has 6 bytes; allowed are 5"):
        large.read()
    with pytest.raises(FileNotFoundError):
        nowhere.read()
    with pytest.raises(OSError, match="Not a regular file"):
        pipe.read()
    with pytest.raises(errors.UserError, match=r"--recorded .* cannot be read: Not a regular file"):
        recording.of_file(tmp_path / "pipe")


@pytest.mark.parametrize(
    ("limit", "names"), [(1, "0"), (3, "036"), (4, "0257"), (10, "0123456789"), (99, "0123456789")]
)
def test_a_limit_is_spread_evenly(tmp_path, limit, names):
    found = [recording.Recorded(str(number), tmp_path) for number in range(10)]
    assert "".join(one.name for one in recording.spread(found, limit)) == names


def test_sets_without_an_image(tmp_path):
    with pytest.raises(errors.UserError, match=r"There is no folder .*nowhere; --images"):
        recording.of_folder(tmp_path / "nowhere")
    with pytest.raises(errors.UserError, match="contains no files"):
        recording.of_folder(tmp_path)
    with pytest.raises(errors.UserError, match=r"--recorded .* cannot be read: No such file"):
        recording.of_file(tmp_path / "nowhere")
    with pytest.raises(errors.UserError, match=r"--recorded .* cannot be read: Is a directory"):
        recording.of_file(tmp_path)
    path = tmp_path / "other.jsonl"
    path.write_bytes(b"\n")
    with pytest.raises(errors.UserError, match="contains no images"):
        recording.of_file(path)
    path.write_bytes(b"\xff\xd8\xff not JSON\n")
    with pytest.raises(errors.UserError, match="contains no images; line 1: JSON Parse error"):
        recording.of_file(path)
