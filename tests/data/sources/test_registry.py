import contextlib

import pytest

from data import errors
from data.sources import config
from data.sources import registry as label_sources
from data.sources.formats import REGISTRY
from data.sources.table import Table
from tests.data import manifests
from tests.data.folders import touch


class Toy:
    """A format as a contributor would add it: a file whose lines are labels of 0.jpg, 1.jpg …"""

    name = "toy"
    summary = "a toy"

    def recognises(self, path, head):
        return path.suffix == ".toy"

    @contextlib.contextmanager
    def opened(self, path, reading):
        rows = [(line, (f"{line}.jpg", text)) for line, text in enumerate(path.read_text().split())]
        yield Table(
            columns=("path", "label"),
            rows=lambda wanted: ((line, [row[place] for place in wanted]) for line, row in rows),
            unit="line",
            read_as="a toy",
        )


def test_a_format_is_a_class_and_an_entry(tmp_path, monkeypatch):
    monkeypatch.setitem(REGISTRY, "toy", Toy())
    touch(tmp_path, "0.jpg", "1.jpg")
    (tmp_path / "m.toy").write_text("cat dog")
    listing = manifests.listed(tmp_path / "m.toy")
    assert manifests.labels(listing) == {"0.jpg": ("cat",), "1.jpg": ("dog",)}
    assert listing.understood == ("labels:  m.toy (a toy, 2 rows): path in path, label in label",)


def test_settings_of_a_manifest_without_one_are_refused(tmp_path):
    touch(tmp_path, "cat/1.jpg", "dog/2.jpg")
    asked = manifests.request(tmp_path, suffix=".jpg", label_column="x")
    with pytest.raises(errors.DataError) as caught:
        label_sources.scan(asked)
    assert str(caught.value) == (
        f"labels.suffix, labels.label_column given, but no manifest: none is in {tmp_path}. Name it:"
        " --labels.file FILE."
    )
    assert manifests.listed(tmp_path, suffix=".jpg", format="folders").class_names == ["cat", "dog"]
    with pytest.raises(ValueError, match=r"reads no manifest, and labels\.file names one"):
        config.LabelsConfig(file=tmp_path / "x.csv", format="folders")


def test_a_manifest_that_is_a_link_stays_one(tmp_path, monkeypatch):
    touch(tmp_path, "a.jpg", "b.jpg")
    rows = [{"file_name": f"{name}.jpg", "label": name} for name in "ab"]
    manifests.write(tmp_path / "v1.csv", rows)
    (tmp_path / "latest.csv").symlink_to("v1.csv")
    monkeypatch.chdir(tmp_path)
    asked = label_sources.request(tmp_path / "latest.csv")
    assert label_sources.scan(asked).manifest == "latest.csv"
    assert label_sources.absolute(asked.labels).file == tmp_path / "latest.csv"
