"""Checks of the validation, one function each: a context → findings.

To add one, write a function in a module of this folder, and give ValidateConfig a severity of the
same name. Findings of equal severity are shown in the order of the modules' names and, within a
module, of its functions; those of a task come last. An image that several checks remove is attributed to the first of them.
"""

import importlib
import inspect
import pkgutil
from collections.abc import Callable, Iterable
from typing import Any

from components.image_validator import config, context
from tasks import task

Check = Callable[[context.Context], Iterable[context.Found]]


def find(severity: Any) -> dict[str, Check]:
    """Finds the checks by name whose severity is of a type: Severity or SetSeverity."""
    fields = config.ValidateConfig.model_fields.items()
    names = {name for name, field in fields if field.annotation == severity}
    found = {}
    for listed in sorted(pkgutil.iter_modules(__path__), key=lambda listed: listed.name):
        module = importlib.import_module(f"{__name__}.{listed.name}")
        for name, function in vars(module).items():
            is_own = inspect.isfunction(function) and function.__module__ == module.__name__
            if is_own and name in names:
                found[name] = function
    for own in (function for of_task in _OF_TASKS.values() for function in of_task):
        if own.__name__ in names:
            found[own.__name__] = own
    return found


def applies(name: str, task_name: str) -> bool:
    """Returns whether a check is one of every task, or of this one."""
    owners = {owner for owner, own in _OF_TASKS.items() if name in {one.__name__ for one in own}}
    return not owners or task_name in owners


_OF_TASKS: dict[str, tuple[Check, ...]] = {
    name: task.load(name).checks.functions for name in task.names()
}
# Of single images and pairs of images; with the severity "quarantine", they are removed.
IMAGE_CHECKS: dict[str, Check] = find(config.Severity)
# Of the whole set, without the images that those removed.
SET_CHECKS: dict[str, Check] = find(config.SetSeverity)
