"""The script behind `make test`: both parts run, and no failure is lost."""

import shutil
import subprocess
import types
from pathlib import Path

import pytest

from tests import costs

ROOT = Path(__file__).resolve().parent.parent
# Stands in for Python: notes its command line, and ends with the next code where it is pytest.
STAND_IN = """#!/bin/sh
echo "$@" >> {folder}/calls
[ "$2" = pytest ] || exit 0
code=$(head -n 1 {folder}/codes)
sed -i 1d {folder}/codes
exit $code
"""


@pytest.mark.parametrize(
    ("codes", "expected", "parts"),
    [
        ((0, 0), 0, 2),
        ((1, 0), 1, 2),
        ((0, 1), 1, 2),
        ((3, 1), 3, 2),
        ((0, 5), 0, 2),  # no test is serial
        ((5, 0), 5, 2),  # its processes did not come up
        ((5, 1), 5, 2),
        ((2, 0), 2, 1),  # interrupted
    ],
)
def test_both_parts_run_and_the_first_failure_is_the_exit_code(tmp_path, codes, expected, parts):
    for folder in ("scripts", "tests"):
        (tmp_path / folder).mkdir()
    shutil.copy(ROOT / "scripts" / "suite", tmp_path / "scripts")
    (tmp_path / "tests" / "test_quick.py").write_text("def test_quick(): ...\n")
    (tmp_path / "tests" / "test_timed.py").write_text("pytestmark = pytest.mark.serial\n")
    python = tmp_path / "python"
    python.write_text(STAND_IN.format(folder=tmp_path))
    python.chmod(0o755)
    (tmp_path / "codes").write_text("".join(f"{code}\n" for code in codes))
    script = tmp_path / "scripts" / "suite"
    command = [script, python, "not landing", "--hypothesis-profile", "quick"]
    assert subprocess.run(command).returncode == expected
    calls = (tmp_path / "calls").read_text().splitlines()
    asked = [call for call in calls if call.startswith("-m pytest")]
    assert len(asked) == parts
    assert "(not landing) and not serial and not cluster and not long" in asked[0]
    assert asked[0].endswith(" --dist loadgroup --hypothesis-profile quick tests")
    for call in asked[1:]:
        assert "(not landing) and serial and" in call
        assert call.endswith(" --hypothesis-profile quick tests/test_timed.py")
        assert " -n " not in call
    shown = [call for call in calls if call.startswith("-m tests.costs build/costs.not-landing.")]
    ended = [code != 2 for code in codes[:1]] + [code not in (2, 5) for code in codes[1:parts]]
    assert len(shown) == sum(ended)


def test_how_the_tests_of_each_folder_ended_is_counted(tmp_path):
    phases = ("setup", "call", "teardown")
    ended = {
        "tests/test_top.py::test_a@tests/test_top.py": {},
        "tests/data/splits/test_split.py::test_b[x]": {"call": "failed"},
        "tests/data/splits/deeper/test_c.py::test_c": {"setup": "skipped"},
        "tests/data/splits/test_split.py::test_d": {"teardown": "failed"},
    }
    for number in (1, 2):
        rows = costs.Rows(tmp_path / f"{number}.tsv")
        for name, outcomes in ended.items():
            for when in phases:
                report = types.SimpleNamespace(
                    nodeid=name, when=when, outcome=outcomes.get(when, "passed"), cost=[1.0, 0.5]
                )
                rows.pytest_runtest_logreport(report)
    tables = [tmp_path / "1.tsv", tmp_path / "2.tsv"]
    assert costs.outcomes(tables) == [
        "| folder | passed | failed | skipped |",
        "|---|---:|---:|---:|",
        "| data/splits | 0 | 4 | 2 |",
        "| tests | 2 | 0 | 0 |",
        "| all | 2 | 4 | 2 |",
    ]
    assert costs.summary(tables)[0] == "8 tests: 24 s, 12 s of CPU"


@pytest.mark.parametrize(("value", "name"), [("x", "x"), (b"y" * 300, "value-300-71b9c5b6")])
def test_a_long_value_stands_in_a_test_s_name_by_its_length_and_checksum(request, value, name):
    assert request.node.name.split("[")[1].startswith(f"{name}-")
