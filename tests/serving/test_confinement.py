"""The confinement of Triton's process, tested with another program."""

import os
import stat
import subprocess
import sys

import pytest

from serving.triton import confinement

# Creates a region as Boost does, then calls that must still work.
MAKE = """
import os, sys
for name, mode in (("region", 0o644), ("other", 0o640)):
    descriptor = os.open(name, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o644)
    print(oct(os.fstat(descriptor).st_mode & 0o777))
    os.fchmod(descriptor, mode)
    print(oct(os.fstat(descriptor).st_mode & 0o777))
os.chmod("other", 0o644)
"""


@pytest.mark.skipif(
    os.uname().machine not in ("x86_64", "aarch64"), reason="there is no filter for this machine"
)
def test_shared_memory_is_never_made_readable_to_others(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", MAKE],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
        preexec_fn=confinement.confiner(),
    )
    # 0600 from the first moment; every other mode is set, and chmod(2) is not affected.
    assert done.stdout.split() == ["0o600", "0o600", "0o600", "0o640"]
    assert stat.S_IMODE((tmp_path / "other").stat().st_mode) == 0o644


def test_without_the_filter_permissions_are_taken_away_later(tmp_path):
    for name, mode in (("mine-a", 0o644), ("mine-b", 0o600), ("another", 0o644)):
        (tmp_path / name).touch()
        (tmp_path / name).chmod(mode)
    assert confinement.close_regions(tmp_path, "mine-") == [tmp_path / "mine-a"]
    assert confinement.close_regions(tmp_path, "mine-") == []
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
    assert modes == {"mine-a": 0o600, "mine-b": 0o600, "another": 0o644}
