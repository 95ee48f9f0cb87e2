"""Finds Starlette's background tasks in the traceback of a failure.

Starlette runs them in turn in `BackgroundTasks.__call__`. Its frame in the traceback holds the function that failed
and those after it, which will not run, so nothing has to be patched.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import FrameType
from typing import Any, Final

from notifier.client.capture import exception_parts

CAUSES: Final = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedBackgroundTask:
    """A background task that raised. `skipped` are the tasks after it, in order."""

    function: Callable[..., Any]
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]
    skipped: tuple[Any, ...]


def find(error: BaseException) -> FailedBackgroundTask | None:
    """The background task that raised this exception. None if it was raised elsewhere.

    A dependency or a middleware may have raised another exception from it, so causes are searched too.
    """
    module = sys.modules.get("starlette.background")
    seen: BaseException | None = error if module is not None else None
    for _ in range(CAUSES):
        if seen is None:
            break
        failed = _found(seen, module)
        if failed is not None:
            return failed
        seen = exception_parts.cause(seen)
    return None


def _found(error: BaseException, module: Any) -> FailedBackgroundTask | None:
    calls = [frame for frame in _frames(error) if frame.f_code.co_name == "__call__"]
    selves = [(frame, frame.f_locals.get("self")) for frame in calls]
    # FastAPI's list has its own loop, so frames are recognised by the owner of their method.
    lists = [(frame, self) for frame, self in selves if isinstance(self, module.BackgroundTasks)]
    tasks = [self for _, self in selves if isinstance(self, module.BackgroundTask) and hasattr(self, "func")]
    if not tasks:
        return None
    # The innermost list first, because its remaining tasks would have run first.
    skipped = [
        task for frame, self in reversed(lists) for task in _after(self.tasks, frame.f_locals.get("task"))
    ]
    failed = tasks[-1]
    return FailedBackgroundTask(
        function=failed.func, args=tuple(failed.args), kwargs=dict(failed.kwargs), skipped=tuple(skipped)
    )


def _frames(error: BaseException) -> list[FrameType]:
    """The frames of the traceback, followed by those of the exception that this one wraps."""
    frames = []
    trace = exception_parts.traceback(error)
    while trace is not None:
        frames.append(trace.tb_frame)
        trace = trace.tb_next
    members = exception_parts.members(error)
    if len(members) == 1:
        frames += _frames(members[0])
    return frames


def _after(tasks: Sequence[Any], at: object) -> list[Any]:
    """The tasks after the one that the loop had reached."""
    place = next((index for index, task in enumerate(tasks) if task is at), len(tasks))
    return list(tasks[place + 1 :])
