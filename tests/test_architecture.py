"""The rules of the house, checked: who imports whom, how large a file and a function may be."""

import ast
import graphlib
import importlib.util
import re
import sys
from pathlib import Path

import pytest
import setuptools

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("data", "tasks", "components", "pipeline", "serving")
FILES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
ADAPTERS = {
    "component.py",
    "executor.py",
    "components/evaluator/baseline_resolver.py",
    "components/evaluator/eval_config.py",
    "components/evaluator/extractors.py",
    "components/evaluator/figures_metric.py",
    "components/evaluator/results.py",
    "components/evaluator/tfma.py",
    "components/image_example_gen/beam_workers.py",
    "components/image_validator/artifacts.py",
    "components/predict/artifacts.py",
    "components/pusher/released.py",
    "components/release_gate/artifacts.py",
    "components/report/artifacts.py",
    "components/trainer/warm_start_resolver.py",
    "components/tuner/run.py",
    "pipeline/kubeflow/client.py",
    "pipeline/kubeflow/compiler.py",
    "pipeline/kubeflow/engine.py",
    "pipeline/kubeflow/entrypoint.py",
}
# What puts the steps together and runs them.
WIRED = {"pipeline", "pipeline/history", "pipeline/run", "pipeline/wiring"}
ADAPTED = {
    "airflow",
    "apache_beam",
    "kfp",
    "tensorflow_data_validation",
    "tensorflow_metadata",
    "tensorflow_model_analysis",
    "tfx",
    "tfx_bsl",
}


def relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def is_adapter(path: Path) -> bool:
    return path.name in ADAPTERS or relative(path) in ADAPTERS


def imported(path: Path) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module.split(".")[0])
    return names


@pytest.mark.parametrize("path", FILES, ids=relative)
def test_sizes(path):
    limit = 120 if is_adapter(path) else 300
    assert len(path.read_text().splitlines()) <= limit
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            body = node.end_lineno - node.body[0].lineno + 1
            documented = ast.get_docstring(node) is not None
            lines = body - (node.body[0].end_lineno - node.body[0].lineno + 1 if documented else 0)
            assert lines <= 50, f"{node.name} has {lines} lines"


@pytest.mark.parametrize("path", FILES, ids=relative)
def test_only_adapters_know_tfx_and_beam(path):
    if relative(path).rpartition("/")[0] in WIRED or is_adapter(path):
        return
    assert not imported(path) & ADAPTED


@pytest.mark.parametrize("path", FILES, ids=relative)
def test_tfx_reads_raw_annotations(path):
    if relative(path).startswith("tasks/"):
        return  # where no TFX is; interfaces there name types of libraries that load late
    assert "from __future__ import annotations" not in path.read_text()


@pytest.mark.parametrize("path", FILES, ids=relative)
def test_keras_is_imported_as_keras(path):
    assert "tf.keras" not in path.read_text()


def named(path: Path) -> str:
    """The name of a module; that of a package for its ``__init__``."""
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def needed(path: Path, modules: dict[str, Path]) -> set[str]:
    """The modules that one imports, in functions and for types too.

    A package's ``__init__`` runs before the modules in it, so it is needed as they are, but not by
    the modules of the package itself: for them it is under way, and may import them.
    """
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= {name if name in modules else f"{node.module}" for name in names}
    own = named(path)
    for name in found & modules.keys():
        parents = {name.rsplit(".", count)[0] for count in range(1, name.count(".") + 1)}
        found |= {parent for parent in parents if not f"{own}.".startswith(f"{parent}.")}
    return found & modules.keys()


def circle(paths: list[Path]) -> list[str]:
    """The modules of a circle of imports; none without one."""
    modules = {named(path): path for path in paths}
    graph = {name: needed(path, modules) - {name} for name, path in modules.items()}
    try:
        graphlib.TopologicalSorter(graph).prepare()
    except graphlib.CycleError as error:
        return list(error.args[1])
    return []


def test_no_module_needs_itself():
    """A circle is one, though an import within a function or for types alone hides it."""
    modules = {named(path): path for path in FILES}
    phases = needed(modules["components.trainer.loop.phases"], modules)
    assert phases > {"components.trainer.loop.feeding", "components.trainer.backbones", "data"}
    assert circle(FILES) == []


@pytest.mark.parametrize(
    ("texts", "found"),
    [
        ({"a/__init__.py": "", "a/x.py": "from b import y", "b/__init__.py": "", "b/y.py": ""}, []),
        (  # only the __init__ closes it
            {
                "a/__init__.py": "from b import y",
                "a/x.py": "",
                "b/__init__.py": "",
                "b/y.py": "def later():\n    import a.x",
            },
            ["a", "b.y"],
        ),
        (  # a package that imports its own modules
            {"a/__init__.py": "from a import x", "a/x.py": "from a.z import z", "a/z.py": "z = 1"},
            [],
        ),
    ],
)
def test_a_circle_through_a_package_is_one(monkeypatch, tmp_path, texts, found):
    monkeypatch.setattr(sys.modules[__name__], "ROOT", tmp_path)
    for name, text in texts.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    assert sorted(set(circle(sorted(tmp_path.rglob("*.py"))))) == found


@pytest.mark.parametrize("name", PACKAGES)
def test_the_packages_are_ours(name):
    spec = importlib.util.find_spec(name)
    assert spec is not None
    assert Path(spec.origin).parent == ROOT / name


def test_setup_lists_every_package_and_never_the_tests():
    found = setuptools.find_packages(str(ROOT), include=[f"{name}*" for name in PACKAGES])
    listed = ast.literal_eval(
        next(
            ast.unparse(node.value)
            for node in ast.parse((ROOT / "setup.py").read_text()).body
            if isinstance(node, ast.Assign) and node.targets[0].id == "PACKAGES"
        )
    )
    assert sorted(listed) == sorted(found)


def test_test_folders_are_packages_all():
    folders = {path.parent for path in (ROOT / "tests").rglob("*.py")}
    assert all((folder / "__init__.py").exists() for folder in folders)


def test_every_page_says_what_may_run_in_it():
    """Names of files and classes are strangers' words; should one get into a page, nothing runs."""
    pages = [
        path
        for package in PACKAGES
        for path in sorted((ROOT / package).rglob("*"))
        if path.suffix in (".html", ".jinja", ".py") and "<!doctype html>" in path.read_text()
    ]
    # The page of the server: by its header, see tests/serving/gateway/test_page.py.
    pages.remove(ROOT / "serving" / "gateway" / "page.html")
    # And that of the review, see tests/pipeline/review/test_server.py.
    pages.remove(ROOT / "pipeline" / "review" / "page.html")
    assert len(pages) == 4
    for path in pages:
        head = path.read_text().partition("<title>")[0]
        assert '<meta http-equiv="Content-Security-Policy" content="' in head, relative(path)
        policy = head.partition('Content-Security-Policy" content="')[2].partition('"')[0]
        assert policy == "{{ policy }}" or policy.startswith("default-src 'none'; "), relative(path)


@pytest.mark.parametrize("name", ["py310.lock", "py312.lock"])
def test_every_locked_package_has_hashes(name):
    """uv holds what it downloads against them; a package without one would go unchecked."""
    entries = re.split(r"\n(?=\S)", (ROOT / "requirements" / name).read_text())
    bare = [entry.split()[0] for entry in entries if "--hash=sha256:" not in entry]
    assert len(entries) > 200
    assert bare == []


# What is another thing in each version of a library, and the one module that takes what is there.
OWNED = {
    "tensorflow_model_analysis": "components/evaluator/tfma.py",
    "ai_edge_litert": "components/trainer/exports/tflite_interpreter.py",
}


@pytest.mark.parametrize("path", FILES, ids=relative)
def test_what_differs_between_versions_has_one_owner(path):
    others = {library for library, owner in OWNED.items() if relative(path) != owner}
    assert not imported(path) & others
    if relative(path) not in OWNED.values():
        assert "lite.Interpreter" not in path.read_text()


def test_both_lanes_resolve_to_what_triton_and_scikit_learn_bear():
    """The server dies of byte strings of numpy 2; of scipy 1.18, scikit-learn's solver is warned."""
    for lane in ("py310", "py312"):
        lock = (ROOT / "requirements" / f"{lane}.lock").read_text()
        locked = dict(re.findall(r"^([\w-]+)==(\d+\.\d+)", lock, re.MULTILINE))
        assert locked["nvidia-pytriton"] == "0.7" and locked["numpy"] == "1.26"
        assert [int(part) for part in locked["scipy"].split(".")] < [1, 18]
        assert "tensorboard" in locked


TESTS = sorted((ROOT / "tests").rglob("*.py"))


@pytest.mark.parametrize("path", TESTS, ids=relative)
def test_what_tests_share_is_in_no_test_module(path):
    """Else the tests that a module needs nothing of were collected with it."""
    for node in ast.walk(ast.parse(path.read_text())):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        ours = [name.split(".") for name in names if name.startswith("tests.")]
        assert not [name for name in ours if any(part.startswith("test_") for part in name)]


BENCHMARKS = sorted((ROOT / "benchmarks").glob("*.py"))


def offered(path: Path) -> set[str]:
    """The names that a module, or the modules of a package, define or import at any level."""
    found = {one.stem for one in path.parent.iterdir()} if path.name == "__init__.py" else set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            found.add(node.name)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            found.add(node.id)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            found |= {(alias.asname or alias.name).split(".")[0] for alias in node.names}
    return found


@pytest.mark.parametrize("path", BENCHMARKS, ids=relative)
def test_a_benchmark_uses_what_the_modules_have(path):
    """No type checker reads the benchmarks, and no test runs them."""
    modules = {named(one): one for one in [*FILES, *BENCHMARKS]}
    tree = ast.parse(path.read_text())
    used = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    ours = {}
    for node in used:
        for alias in node.names:
            name = f"{node.module}.{alias.name}"
            if name in modules:
                ours[alias.asname or alias.name] = modules[name]
            elif node.module in modules:
                assert alias.name in offered(modules[node.module]), name
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            module = ours.get(node.value.id)
            if module is not None and not node.attr.startswith("__"):
                assert node.attr in offered(module), ast.unparse(node)


def test_data_sets_are_read_by_their_owner():
    """Else TensorFlow tunes them, for which an iterator waits at its end: see data.examples.reading."""
    owner, several = ROOT / "data/examples/reading.py", ROOT / "data/examples/dataset.py"
    in_graphs = ROOT / "data/graph"  # single elements, without an iterator
    for path in FILES:
        if path == owner or in_graphs in path.parents:
            continue
        text = path.read_text(encoding="utf-8")
        assert "AUTOTUNE" not in text, relative(path)
        assert path == several or "TFRecordDataset" not in text, relative(path)
        if re.search(r"tf\.data\.Dataset\.(from|range)", text):
            assert "reading.untuned(" in text or "reading.records(" in text, relative(path)
