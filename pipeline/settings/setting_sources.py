"""Reads settings from flags, the environment and a YAML file, for all command lines.

Each problem is reported in a sentence that names the setting, the value and what is allowed; an
unknown name is reported with similar ones.
"""

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import pydantic
import pydantic_settings
from pydantic import BaseModel

from data import command_line, errors
from data.files import read_back

Flags = dict[str, Any]


class Layered(pydantic_settings.BaseSettings):
    """Base of the settings of a command; a subclass names the prefix of its variables."""

    model_config = pydantic_settings.SettingsConfigDict(
        extra="forbid",
        frozen=True,
        env_nested_delimiter="__",
        cli_kebab_case=True,
        cli_avoid_json=True,
        cli_hide_none_type=True,
        cli_use_class_docs_for_groups=True,
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: Any,
        init_settings: Any,
        env_settings: Any,
        dotenv_settings: Any,
        file_secret_settings: Any,
    ) -> tuple[Any, ...]:
        """Returns the environment goes before the file, whose values come as arguments."""
        return env_settings, init_settings


Settings = TypeVar("Settings", bound=Layered)


def read(
    model: type[Settings],
    arguments: Sequence[str],
    *,
    prog: str,
    usage: str,
    description: str,
    recipe: Callable[[Flags], Path | None] = lambda _flags: None,
    add_flags: Callable[[argparse.ArgumentParser], None] = lambda _parser: None,
) -> Settings:
    """Reads the settings of a command.

    Args:
      model: the settings; their sources are flags, then those that the model names.
      arguments: the command line without the program's name.
      prog: the program's name.
      usage: the usage line of ``--help``.
      description: the description in ``--help``.
      recipe: given flags → the YAML file to read without ``--config``.
      add_flags: adds the flags that are not settings, for ``--help``.

    Raises:
      errors.ConfigError: with every problem found.
      SystemExit: after ``--help``, with code 0.
    """
    first = command_line.Parser(add_help=False, allow_abbrev=False)
    _add_config_flag(first)
    given, rest = first.parse_known_args([_kebab(argument) for argument in arguments])
    root = command_line.Parser(
        prog=prog,
        usage=usage,
        allow_abbrev=False,
        description=description,
        formatter_class=lambda prog: argparse.HelpFormatter(prog, max_help_position=44, width=100),
    )
    _add_config_flag(root)
    add_flags(root)
    source: Any = pydantic_settings.CliSettingsSource(
        model, root_parser=root, parse_args_method=command_line.Parser.parse_args
    )
    flags = source(args=rest)
    try:
        path = given.config or recipe(flags())
        values = _read_yaml(path) if path else {}
        return model(_cli_settings_source=flags, **values)
    except pydantic.ValidationError as error:
        raise errors.ConfigError(*(_explain(row, model) for row in error.errors())) from error
    except pydantic_settings.SettingsError as error:
        raise errors.ConfigError(f"{error}: {error.__cause__}.") from error


def names(model: type[BaseModel], prefix: str = "") -> list[str]:
    """Returns the names of all settings of a model, such as "train.dropout"."""
    found = []
    for name, field in model.model_fields.items():
        found.append(prefix + name)
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            found += names(field.annotation, f"{prefix}{name}.")
    return found


def _add_config_flag(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--config", metavar="FILE", type=Path, help="YAML file with settings")


def _kebab(argument: str) -> str:
    """Converts ``--train.head_epochs=3`` to ``--train.head-epochs=3``: both are accepted."""
    flag, equals, value = argument.partition("=")
    return f"{flag.replace('_', '-')}{equals}{value}" if argument.startswith("--") else argument


def _read_yaml(path: Path) -> dict[str, Any]:
    try:
        text = read_back.text(path, _FILE, may_be_empty=True)
        return read_back.from_yaml(text, f"{_FILE} {path}", _by_name)
    except read_back.ReadError as error:
        raise errors.ConfigError(*error.problems) from error


_FILE = "file of --config"


def _by_name(values: Any) -> dict[str, Any]:
    if not isinstance(values or {}, dict):
        raise read_back.BrokenError("it must hold settings by name, such as seed: 1")
    return values or {}


def _explain(row: Any, model: type[BaseModel]) -> str:
    """Returns one sentence on a pydantic error: where, what was given, what is allowed."""
    name = ".".join(str(part) for part in row["loc"] if part not in ("float", "literal['auto']"))
    if row["type"] == "extra_forbidden":
        return command_line.unknown_name(name, names(model), "setting")
    # The message of a ValueError of our own is in the context as it was raised.
    message = str(row["ctx"]["error"]) if row["type"] == "value_error" else row["msg"]
    if not name:
        return f"{message}."
    if row["type"] == "missing":
        return f"{name} is missing; give --{name.replace('_', '-')}, or set it in the file."
    return f"{name} is {row['input']!r}: {message[:1].lower()}{message[1:]}."
