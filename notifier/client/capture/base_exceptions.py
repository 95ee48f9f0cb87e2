"""Exceptions outside of `Exception`: decides which are failures of the work that they end."""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import sys
from typing import Any

from notifier.client.capture import exception_parts


def is_failure(error: BaseException) -> bool:
    """Whether the work failed. `sys.exit` and the cancellation of an awaited task count while the event loop runs.

    A cancellation of the current task, Ctrl-C and the end of the process are no failures.
    """
    kind = type(error)
    if issubclass(kind, Exception):
        return True
    if issubclass(kind, BaseExceptionGroup):
        return all(map(is_failure, exception_parts.members(error)))
    if issubclass(kind, KeyboardInterrupt | GeneratorExit) or not _has_running_loop():
        return False
    return not (issubclass(kind, asyncio.CancelledError) and _is_being_cancelled())


def _is_being_cancelled() -> bool:
    """Whether the current task is being cancelled. Awaiting another, cancelled task raises the same exception."""
    with contextlib.suppress(RuntimeError):
        task = asyncio.current_task()
        return task is not None and task.cancelling() > 0
    return False


def _has_running_loop() -> bool:
    """Whether the event loop of this thread, or the one that waits for it, is running."""
    with contextlib.suppress(RuntimeError):
        asyncio.get_running_loop()
        return True
    return in_worker_thread()


def in_worker_thread() -> bool:
    """Whether an event loop waits for this thread."""
    workers = worker_threads()
    if workers is not None:
        with contextlib.suppress(RuntimeError):
            workers.run_sync(bool)
            return True
    return False


def worker_threads() -> Any:
    """The module through which a worker thread reaches its event loop. None if anyio's threads are not in use.

    It is imported here because Starlette starts worker threads without it.
    """
    return importlib.import_module("anyio.from_thread") if "anyio.to_thread" in sys.modules else None
