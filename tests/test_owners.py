"""Names of files and folders that one module owns are spelled nowhere else."""

import ast
import inspect
import re
from pathlib import Path

import pytest

from data.images import decode_config
from pipeline import output_folder
from serving.gateway import bounds

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("data", "tasks", "components", "pipeline")
FILES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
# Of an Examples artifact; wherever a text has one of them.
ARTIFACT = ROOT / "data" / "examples" / "examples_artifact.py"
ARTIFACT_NAMES = re.compile(
    r"Split-|labels\.json|ingest\.json|quarantine\.csv|unused\.csv|report-parts"
)
# Of the output folder; where they are put behind a folder.
FOLDER = ROOT / "pipeline" / "output_folder.py"
FOLDER_NAMES = re.compile(
    r"(index\.html|corrections|review|summary\.json|serving|artifacts|logs|runs|labels|ingest|training|features"
    r"|unfinished|tuning|predictions|released|schedule|datasets|kubeflow|config\.yaml|\.lock"
    r"|metadata\.sqlite|scheduled?(-.*)?\.log)(/.*)?"
)


def texts(path: Path) -> list[str]:
    """The texts in a module's code that are no docstrings."""
    tree = ast.parse(path.read_text())
    documented = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    docstrings = {
        id(node.body[0].value)
        for node in documented
        if node.body and isinstance(node.body[0], ast.Expr)
    }
    return [
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and id(node) not in docstrings
    ]


def joined(path: Path) -> list[str]:
    """The names that a module's code puts behind a folder: ``folder / "name"``, ``Path(…, "name")``.

    A name in braces stands for a value, as in ``{run_id}.log``.
    """
    parts: list[ast.expr] = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div):
            parts.append(node.right)
        elif isinstance(node, ast.Call):
            name = ast.unparse(node.func)
            if name.endswith("path.join") or name.rpartition(".")[2] == "Path":
                parts += node.args[1:]
    return [
        str(node.value) if isinstance(node, ast.Constant) else ast.unparse(node)[2:-1]
        for node in parts
        if isinstance(node, ast.Constant | ast.JoinedStr)
    ]


def test_the_files_of_an_examples_artifact_are_spelled_once():
    spelled = {path for path in FILES if any(map(ARTIFACT_NAMES.search, texts(path)))}
    assert spelled == {ARTIFACT}


def test_the_paths_of_the_output_folder_are_spelled_once():
    # A component is given its folders, and names what it keeps in them.
    files = [path for path in FILES if path.is_relative_to(ROOT / "pipeline")]
    spelled = {path for path in files if any(map(FOLDER_NAMES.fullmatch, joined(path)))}
    assert spelled == {FOLDER}


class Moment:
    """A time that a path is named after."""

    def __format__(self, _form: str) -> str:
        return "<time>"


def test_the_tree_of_the_output_folder_shows_every_path():
    """A line for each path that the class gives, and none besides."""
    root = Path("output")
    folder = output_folder.OutputFolder(root)
    values = {"run_id": "<run>", "set_name": "<set>", "model": "<model>", "started": Moment()}
    given = set()
    for name, member in inspect.getmembers(output_folder.OutputFolder):
        if isinstance(member, property) and not name.startswith("_"):
            given.add(getattr(folder, name))
        elif inspect.isfunction(member) and not name.startswith("_") and name != "run_summaries":
            arguments = list(inspect.signature(member).parameters)[1:]
            given.add(member(folder, *(values[argument] for argument in arguments)))
    drawn = re.findall(r"^      (\S+)  ", output_folder.__doc__, re.MULTILINE)
    assert sorted(str(path.relative_to(root)) for path in given) == sorted(
        line.rstrip("/") for line in drawn
    )


@pytest.mark.parametrize(
    ("spelled", "owners"),
    [
        # serving imports nothing of the others.
        ("(argparse.ArgumentParser):", {"data/command_line.py", "serving/cli.py"}),
        ('"top blocks"', {"components/trainer/loop/phase_names.py"}),
        ("100_000_000", {"data/images/decode_config.py", "serving/gateway/bounds.py"}),
        ("else DIGITS_RECIPE", {"pipeline/settings/pipeline_config.py"}),
    ],
)
def test_one_owner(spelled, owners):
    files = [*FILES, *(ROOT / "serving").rglob("*.py")]
    found = {path.relative_to(ROOT).as_posix() for path in files if spelled in path.read_text()}
    assert found == owners


def test_the_server_takes_every_image_that_the_model_takes():
    assert bounds.Limits().max_pixels == decode_config.MAX_PIXELS
