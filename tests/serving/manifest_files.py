"""The files of serving/manifests with their variables filled in, as the tools would."""

import re
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
MANIFESTS = ROOT / "serving" / "manifests"
COMPOSE = MANIFESTS / "compose"
REVERSE_PROXY = MANIFESTS / "reverse_proxy" / "reverse_proxy.conf.template"
VARIABLE = re.compile(r"\$\{([A-Z0-9_]+)(?::([-?])([^}]*))?\}")

VALUES = {
    "SERVICE_NAME": "digits",
    "CANARY_PERCENT": "10",
    "STORAGE_URI": "s3://models/digits/releases/1764000000",
    "IMAGE": "registry.example/image-serving:1",
    "MODEL_NAME": "digits",
    "MODELS_CLAIM": "models",
    "SERVING_DIR": "/srv/output/serving",
}


def render(text: str, values: dict[str, str] | None = None) -> str:
    """Substitutes ``${NAME}``, ``${NAME:-default}`` and ``${NAME:?message}``.

    Raises:
      KeyError: a variable has neither value nor default.
    """
    known = VALUES if values is None else values

    def value(match: re.Match[str]) -> str:
        name, kind, default = match.groups()
        return known.get(name, default) if kind == "-" else known[name]

    return VARIABLE.sub(value, text)


def documents(path: Path) -> list[dict[str, Any]]:
    """Returns the documents of a YAML file."""
    return list(yaml.safe_load_all(render(path.read_text())))


def compose() -> dict[str, Any]:
    """Returns the compose file with its defaults."""
    return documents(COMPOSE / "compose.yaml")[0]
