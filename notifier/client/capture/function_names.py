"""Names of functions in reports and task runs: `module.qualname`, or the name given to the function's task."""

from __future__ import annotations

import functools
from typing import Any, Final

from notifier.client.capture import json_safe

TASK: Final = "__notifier_task__"
"""The attribute of a decorated function that holds its task."""


def name_of(function: object) -> str:
    """`module.qualname` of a function. Partials and methods are unwrapped."""
    task = task_of(function)
    if task is not None:
        return str(task.name)
    inner = innermost(function)
    module, name = getattr(inner, "__module__", None), getattr(inner, "__qualname__", None)
    return f"{module}.{name}" if isinstance(name, str) and module else json_safe.type_name(inner)


def task_of(function: object) -> Any:
    """The task of a decorated function. None if it is not decorated."""
    return getattr(innermost(function), "__dict__", {}).get(TASK)


def innermost(function: Any) -> Any:
    """The function inside partials and bound methods."""
    while isinstance(function, functools.partial):
        function = function.func
    return getattr(function, "__func__", function)
