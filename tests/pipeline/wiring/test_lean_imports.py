import importlib
import subprocess
import sys
from importlib import metadata

import pytest

from pipeline.wiring import lean_imports


@pytest.fixture
def unused(monkeypatch, tmp_path) -> str:
    """A module that can be imported and was not yet."""
    (tmp_path / "a_progress_bar.py").write_text("")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(lean_imports, "UNUSED", ("a_progress_bar", "json"))
    yield "a_progress_bar"
    sys.modules.pop("a_progress_bar", None)


def test_what_is_unused_counts_as_not_installed_within_and_only_there(unused):
    with lean_imports.lean(), pytest.raises(ModuleNotFoundError):
        importlib.import_module(unused)
    assert unused not in sys.modules
    assert importlib.import_module(unused).__name__ == unused


def test_what_was_imported_before_stays(unused):
    before = sys.modules["json"]
    with lean_imports.lean():
        assert importlib.import_module("json") is before
    assert sys.modules["json"] is before


def test_distributions_are_listed_once_within_and_all_is_undone_after_an_error(monkeypatch, unused):
    calls = []
    monkeypatch.setattr(metadata, "packages_distributions", lambda: calls.append(1) or {})
    whole = metadata.packages_distributions
    with pytest.raises(ZeroDivisionError), lean_imports.lean():
        assert metadata.packages_distributions() == metadata.packages_distributions() == {}
        raise ZeroDivisionError
    assert calls == [1]
    assert metadata.packages_distributions is whole
    assert unused not in sys.modules


def test_the_modules_are_those_of_optional_imports():
    """A name that is no module any more hides nothing, and should go."""
    for name in lean_imports.UNUSED:
        if name != "kubernetes_validate":  # in the development environment alone
            assert importlib.util.find_spec(name), name


@pytest.mark.landing
def test_no_library_lacks_a_name_for_it():
    """TFMA, for one, swallows an ImportError and goes on without half of what it offers."""
    modules = "tensorflow_model_analysis, tensorflow_data_validation, keras, tfx.components"
    names = f"import {modules}; print([len(dir(one)) for one in ({modules})])"
    lean = "from pipeline.wiring import lean_imports\nwith lean_imports.lean(): import pipeline.wiring.dag\n"
    found = [
        subprocess.run(
            [sys.executable, "-c", code + names], capture_output=True, text=True, check=True
        ).stdout
        for code in ("import pipeline.wiring.dag\n", lean)
    ]
    assert found[0] == found[1]
