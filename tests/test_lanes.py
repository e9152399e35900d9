"""Which versions are installed where, and what is said where they cannot be.

The scripts run as they are; the interpreters and the C library that they find are stand-ins.
"""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
TOOLS = (
    "cat",
    "dirname",
    "env",
    "head",
    "id",
    "mkdir",
    "mktemp",
    "rm",
    "sed",
    "sh",
    "sort",
    "uname",
)
NEW, OLD = "2.41", "2.36"
# Answers the question for its version; its header files are where it says, should there be any.
PYTHON = """#!/bin/sh
case "$2" in
*"!= '{version}'"*) exit 0 ;;
*sys.version_info*) exit 1 ;;
*sysconfig*) echo {include} ;;
*) echo "$0 $*" >&2; exit 1 ;;
esac
"""


class System:
    """A machine: a folder of programs, which is all of its PATH."""

    def __init__(self, root: Path) -> None:
        self.bin, self.include, self.venv = root / "bin", root / "include", root / "venv"
        for folder in (self.bin, self.include):
            folder.mkdir()
        (self.include / "Python.h").touch()
        for tool in TOOLS:
            (self.bin / tool).symlink_to(shutil.which(tool))
        self.program("c++", "#!/bin/sh\n")

    def program(self, name: str, text: str) -> Path:
        path = self.bin / name
        path.write_text(text)
        path.chmod(0o755)
        return path

    def python(self, version: str, name: str | None = None) -> Path:
        text = PYTHON.format(version=version, include=self.include)
        return self.program(name or f"python{version}", text)

    def glibc(self, version: str) -> None:
        self.program("getconf", f"#!/bin/sh\necho glibc {version}\n")

    def call(self, script: str, *arguments: object) -> subprocess.CompletedProcess:
        return subprocess.run(
            [str(ROOT / "scripts" / script), *map(str, arguments)],
            capture_output=True,
            text=True,
            env={"PATH": str(self.bin), "HOME": str(self.bin)},
        )

    def lane(self, lane: str = "", python: object = "") -> str:
        return self.call("lane", lane, python, self.venv).stdout.strip()

    def refused(self, lane: str, python: object = "") -> str:
        """The last line of what is said where no environment can be made."""
        done = self.call("setup_venv", lane, self.venv, "0.0.1", python)
        assert done.returncode == 2, done
        assert not self.venv.exists()
        return done.stderr.splitlines()[-1]


@pytest.fixture
def system(tmp_path) -> System:
    return System(tmp_path)


@pytest.mark.parametrize(
    ("pythons", "glibc", "lane"),
    [
        (["3.10"], NEW, "py310"),
        (["3.10"], OLD, "py310"),
        (["3.12"], NEW, "py312"),
        (["3.12"], OLD, "py310"),
        (["3.10", "3.12"], NEW, "py312"),
        (["3.10", "3.12"], "2.39", "py312"),
        (["3.10", "3.12"], "2.4", "py310"),
        (["3.10", "3.12"], OLD, "py310"),
        ([], NEW, "py312"),
        ([], OLD, "py310"),
        (["3.13"], NEW, "py312"),
    ],
)
def test_the_lane_is_the_newest_that_runs_here(system, pythons, glibc, lane):
    system.glibc(glibc)
    for version in pythons:
        system.python(version)
    assert system.lane() == lane


def test_a_lane_can_be_asked_for(system):
    system.glibc(NEW)
    named = system.python("3.10", "a-python")
    assert system.lane("py310") == "py310"
    assert system.lane("", named) == "py310"
    assert system.lane("py312", named) == "py312"
    assert system.lane("nonsense") == "nonsense"


def test_an_environment_that_is_there_stays_what_it_is(system):
    system.glibc(NEW)
    system.python("3.12")
    system.venv.mkdir()
    (system.venv / ".lane").write_text("py310\n")
    assert system.lane() == "py310"
    assert system.lane("py312") == "py312"


def test_pythons_that_pyenv_keeps_to_itself_are_found(system):
    system.glibc(NEW)
    shim = system.program(
        "python3.12", "#!/bin/sh\necho 'pyenv: python3.12: not found' >&2\nexit 127\n"
    )
    kept = system.bin / ".pyenv" / "versions" / "3.12.1" / "bin"
    kept.mkdir(parents=True)
    system.python("3.12", "elsewhere").rename(kept / "python")
    shutil.rmtree(system.include)
    assert system.lane() == "py312"
    assert "Python 3.12 has no header files" in system.refused("py312")
    assert shim.exists()


def test_a_lane_that_is_none_is_refused(system):
    assert system.refused("py311") == "LANE is 'py311'; known lanes: py310 py312."


def test_what_needs_another_c_library_is_refused(system):
    system.glibc(OLD)
    system.python("3.12")
    assert system.refused("py312") == (
        "The lane py312 needs glibc 2.39 or newer, and this system has 2.36: take LANE=py310, or a"
        " system such as Debian 13 or Ubuntu 24.04."
    )


def test_a_missing_python_is_told_with_what_to_install(system):
    system.glibc(NEW)
    for vain in (
        "there is neither uv nor another Python to download it with",
        "uv could not download it",
    ):
        assert system.refused("py312") == (
            f"Python 3.12 is missing, and {vain}: install it, for instance with 'pyenv install 3.12',"
            " or name one with make PYTHON=/path/to/python3.12."
        )
        system.program("uv", "#!/bin/sh\nexit 1\n")


def test_a_python_that_is_there_in_vain_is_told(system):
    system.glibc(OLD)
    system.python("3.12")
    assert system.refused("py310").endswith(
        "make PYTHON=/path/to/python3.10. Python 3.12, which is there, needs glibc 2.39, and this"
        " system has 2.36."
    )


def test_a_python_of_another_version_is_refused(system):
    system.glibc(NEW)
    named = system.python("3.13")
    assert (
        system.refused("py312", named) == f"{named} is no Python 3.12, which the lane py312 takes."
    )


def test_uvs_own_python_is_taken_where_there_is_no_other(system):
    system.glibc(NEW)
    managed = system.python("3.12", "managed")
    system.program("uv", f'#!/bin/sh\nif [ "$2" = find ]; then echo {managed}; fi\n')
    # It is asked to make the environment, which a stand-in cannot.
    assert "Python's venv module is missing" in system.refused("py312")


@pytest.mark.parametrize("lane", ["py310", "py312"])
def test_what_compiles_packages_is_looked_for_first(system, lane):
    system.glibc(NEW)
    for version in ("3.10", "3.12"):
        system.python(version)
    (system.include / "Python.h").unlink()
    version = lane.replace("py3", "3.")
    assert system.refused(lane) == (
        f"Python {version} has no header files ({system.include}/Python.h): install them, on Debian"
        f" and Ubuntu with 'apt-get install python{version}-dev'."
    )
    (system.bin / "c++").unlink()
    assert system.refused(lane) == (
        "A C++ compiler is missing: install it, on Debian and Ubuntu with 'apt-get install g++'."
    )


def trixie(root: Path, system: System, **environment: str) -> str:
    """Why Debian 13 cannot run on a machine."""
    shutil.copytree(ROOT / "scripts", root / "scripts", dirs_exist_ok=True)
    bash = shutil.which("bash")
    done = subprocess.run(
        [bash, str(root / "scripts" / "trixie"), "--missing"],
        capture_output=True,
        text=True,
        env={"PATH": str(system.bin), **environment},
    )
    assert done.returncode == 0, done
    return done.stdout.strip()


def test_what_debian_13_needs_is_told(system, tmp_path):
    def is_there(name: str, says: str = "") -> None:
        (system.bin / name).unlink(missing_ok=True)
        system.program(name, f"#!/bin/sh\n{says}\n")

    is_there("uname", "echo Darwin")
    assert trixie(tmp_path, system) == "Debian 13 in a folder needs Linux, and this is Darwin."
    is_there("uname", "echo Linux")
    is_there("id", "echo 1000")
    assert "needs root" in trixie(tmp_path, system)
    is_there("id", "echo 0")
    is_there("unshare", "exit 1")
    assert "needs mounts" in trixie(tmp_path, system)
    is_there("unshare")
    assert "'apt-get install debootstrap'" in trixie(tmp_path, system)
    is_there("debootstrap")
    is_there("python3", "exit 1")
    assert "http://a/debian cannot be reached" in trixie(tmp_path, system, MIRROR="http://a/debian")
    is_there("python3")
    assert trixie(tmp_path, system) == ""


def test_what_the_current_lane_leaves_out_of_the_suite_exists():
    text = (ROOT / "scripts" / "current").read_text()
    left_out = re.search(r"left_out=\(([^)]+)\)", text)[1].split()
    assert left_out and all((ROOT / path).exists() for path in left_out)
