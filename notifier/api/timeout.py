"""A timeout shared by many short waits, with one timer: `asyncio.timeout` would cost a tenth of a request."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Any, TypeVar

T = TypeVar("T")

TICK_S = 1.0


class SharedTimeout:
    """Cancels waits that take longer than `seconds`, with a resolution of a second."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._since: dict[asyncio.Task[Any], float] = {}
        self._expired: set[asyncio.Task[Any]] = set()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ticking = False

    async def wait(self, awaitable: Awaitable[T]) -> T:
        """Await the awaitable. `TimeoutError` is raised if it takes too long."""
        loop = self._loop
        if loop is None:
            loop = self._loop = asyncio.get_running_loop()
        task = asyncio.current_task(loop)
        assert task is not None
        self._since[task] = loop.time()
        if not self._ticking:
            self._ticking = True
            loop.call_later(TICK_S, self._tick)
        try:
            return await awaitable
        except asyncio.CancelledError:
            if task not in self._expired:
                raise
            task.uncancel()
            raise TimeoutError from None
        finally:
            self._since.pop(task, None)
            self._expired.discard(task)

    def _tick(self) -> None:
        assert self._loop is not None
        too_old = self._loop.time() - self._seconds
        for task in [task for task, since in self._since.items() if since <= too_old]:
            self._expired.add(task)
            task.cancel()
        self._ticking = bool(self._since)
        if self._ticking:
            self._loop.call_later(TICK_S, self._tick)
