"""Registry of the changes that the modules in ``changes/`` define."""

import functools
import importlib
import pkgutil

from data.augment import augment_config, change, changes


@functools.cache
def every() -> tuple[change.Change, ...]:
    """Returns all changes in the order of their application."""
    names = sorted(module.name for module in pkgutil.iter_modules(changes.__path__))
    found = [importlib.import_module(f"{changes.__name__}.{name}").CHANGE for name in names]
    return tuple(sorted(found, key=lambda one: one.place))


def on(config: augment_config.AugmentConfig) -> list[change.Change]:
    """Returns the changes that a config turns on."""
    return [one for one in every() if one.is_on(config)]
