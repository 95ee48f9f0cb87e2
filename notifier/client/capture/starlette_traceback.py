"""Starlette's background tasks, as the traceback of a failure tells of them.

Starlette runs them one after the other in `BackgroundTasks.__call__`; its frame in the traceback names the function
that failed, and the ones after it, which will not run. Nothing has to be patched to learn them.
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
    """A background task that raised. `skipped` are Starlette's tasks after it, in their order."""

    function: Callable[..., Any]
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]
    skipped: tuple[Any, ...]


def find(error: BaseException) -> FailedBackgroundTask | None:
    """The background task that this exception came out of; None: it came out of something else.

    A dependency or a middleware may have raised another one of it, so that what led to it is looked at as well.
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
    # FastAPI's list has a loop of its own, so that what counts is whose method it is.
    lists = [(frame, self) for frame, self in selves if isinstance(self, module.BackgroundTasks)]
    tasks = [self for _, self in selves if isinstance(self, module.BackgroundTask) and hasattr(self, "func")]
    if not tasks:
        return None
    # The innermost list first: what follows there would have run first.
    skipped = [
        task for frame, self in reversed(lists) for task in _after(self.tasks, frame.f_locals.get("task"))
    ]
    failed = tasks[-1]
    return FailedBackgroundTask(
        function=failed.func, args=tuple(failed.args), kwargs=dict(failed.kwargs), skipped=tuple(skipped)
    )


def _frames(error: BaseException) -> list[FrameType]:
    """The traceback's frames; where the exception only wraps another, that one's follow."""
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
    """The tasks that follow the one the loop was at."""
    place = next((index for index, task in enumerate(tasks) if task is at), len(tasks))
    return list(tasks[place + 1 :])
