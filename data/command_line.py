"""The argument parser of the command lines, but for serving's, which imports nothing from here."""

import argparse
import difflib
from collections.abc import Sequence
from typing import NoReturn

from data import errors


class Parser(argparse.ArgumentParser):
    """Raises what is wrong with a command line, and names the near flags of an unknown one."""

    def parse_args(  # type: ignore[override]
        self, args: Sequence[str] | None = None, namespace: argparse.Namespace | None = None
    ) -> argparse.Namespace:
        """Returns what was given.

        Raises:
          errors.ConfigError: about unknown arguments, one sentence each.
        """
        given, unknown = self.parse_known_args(args, namespace)
        if not unknown:
            return given
        known = [flag for action in self._actions for flag in action.option_strings]
        flags = [word.split("=")[0] for word in unknown if word.startswith("-")]
        if flags:
            raise errors.ConfigError(*(unknown_name(flag, known, "flag") for flag in flags))
        takes_words = any(not action.option_strings for action in self._actions)
        hint = "see --help" if takes_words else "settings are given as --flag VALUE"
        raise errors.ConfigError(f"Unexpected argument {unknown[0]!r}; {hint}.")

    def error(self, message: str) -> NoReturn:
        """Raises what argparse found.

        Raises:
          errors.ConfigError: always.
        """
        raise errors.ConfigError(f"{message[:1].upper()}{message[1:]}; see --help.")


def unknown_name(name: str, known: Sequence[str], kind: str) -> str:
    """Returns a sentence on a name that nothing has, with the near ones.

    Args:
      name: as it was given.
      known: the names that there are.
      kind: what it would name, such as "flag".
    """
    near = difflib.get_close_matches(name, known, n=3)
    hint = f" Did you mean {' or '.join(near)}?" if near else " See --help for all."
    return f"Unknown {kind} {name}.{hint}"
