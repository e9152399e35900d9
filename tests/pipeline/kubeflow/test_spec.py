"""Paths as the containers see them."""

from pathlib import Path

import pytest

from pipeline.kubeflow import spec


@pytest.mark.parametrize(
    ("text", "moved"),
    [
        ("/srv/nfs/data", "/mnt/data"),
        ("/srv/nfs", "/mnt"),
        ('{"a": "/srv/nfs/x", "b": ["/srv/nfs"]}', '{"a": "/mnt/x", "b": ["/mnt"]}'),
        ("--setup_file=/srv/nfs/setup.py", "--setup_file=/mnt/setup.py"),
        ("dir: /srv/nfs/x\nother: 1", "dir: /mnt/x\nother: 1"),
        ("/srv/nfs2/data", "/srv/nfs2/data"),
        ("/opt/srv/nfs/data", "/opt/srv/nfs/data"),
        ("/srv/nfs/project/x.py", "/app/x.py"),
    ],
)
def test_a_folder_is_moved_where_a_path_begins_with_it(text, moved):
    folders = {"/srv/nfs": "/mnt", "/srv/nfs/project": "/app"}
    assert spec._relocate({"key": [text, 1, None]}, folders) == {"key": [moved, 1, None]}


def test_a_volume_is_seen_here_where_it_is_mounted_unless_told(tmp_path):
    assert spec.Volume("images:/mnt/images").here == Path("/mnt/images").resolve()
    volume = spec.Volume(f"images:/mnt/images/:{tmp_path}")
    assert (volume.claim, volume.mount, volume.here) == (
        "images",
        "/mnt/images",
        tmp_path.resolve(),
    )
