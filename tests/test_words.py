"""Prose and names use the terms of docs/development.md, and not those that they replaced."""

import io
import re
import tokenize
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = ("data", "tasks", "components", "pipeline", "serving", "docs", "benchmarks")
SUFFIXES = {".py", ".md", ".jinja", ".html", ".js", ".yaml", ".template"}
RETIRED = {
    "near copies": "near-duplicates",
    "near copy": "near-duplicate",
    "golden image": "parity image",
    "outsider": "out-of-distribution image",
    "passing error": "transient error",
    "lasting error": "permanent error",
    "held against": "compared with",
    "on endlessly many": "95% interval",
    "image's measures": "image statistics",
}

# Parts of the names of variables, functions and classes, between underscores and capitals.
RETIRED_PARTS = {
    "passing": "transient",
    "lasting": "permanent",
    "outsider": "outlier",
    "outsiders": "outliers",
}


def texts():
    files = [path for folder in FOLDERS for path in sorted((ROOT / folder).rglob("*"))]
    return [ROOT / "README.md", *(path for path in files if path.suffix in SUFFIXES)]


@pytest.mark.parametrize("retired", RETIRED)
def test_no_retired_term_is_used(retired):
    pattern = re.compile(rf"\b{retired}".replace(" ", r"[\s#]+"), re.IGNORECASE)
    found = [
        f"{path.relative_to(ROOT)}: {match[0]!r}; write {RETIRED[retired]!r}"
        for path in texts()
        if "__pycache__" not in path.parts
        for match in pattern.finditer(path.read_text(encoding="utf-8"))
    ]
    assert len(texts()) > 300
    assert found == []


def test_no_name_has_a_retired_part():
    words = re.compile("|".join(RETIRED_PARTS), re.IGNORECASE)
    found = []
    for path in texts():
        text = path.read_text(encoding="utf-8")
        if path.suffix != ".py" or not words.search(text):
            continue
        for token in tokenize.generate_tokens(io.StringIO(text).readline):
            parts = re.findall("[A-Z]?[a-z]+|[A-Z]+", token.string)
            if token.type == tokenize.NAME:
                retired = RETIRED_PARTS.keys() & {part.lower() for part in parts}
                found += [f"{path.relative_to(ROOT)}: {token.string}" for _ in retired]
    assert found == []
