"""The watchdog: a loop that no longer moves is stopped and started again.

A loop moves when its step returns or raises, and when a step commits something. A step that raises is no stall: the
database is down or full, and the next step comes. One that does nothing of this for `limit` waits for something that
does not come, and everything that it should tell waits with it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Collection
from contextvars import ContextVar
from typing import Protocol

from notifier.domain.time import SECOND, Duration
from notifier.telemetry.logging import get

LIMIT: Duration = 20 * SECOND
LONG_LIMIT: Duration = 600 * SECOND
"""For what may rightly take long: housekeeping, and a reload."""
STALLS_AT_MOST = 3
LETTING_GO_S = 2.0

log = get("notifier.loop")


class Pulse:
    """When a step last moved, by the monotonic clock."""

    __slots__ = ("at",)

    def __init__(self) -> None:
        self.at = time.monotonic()


_pulse: ContextVar[Pulse | None] = ContextVar("pulse", default=None)


def begin() -> Pulse:
    """Begin to watch the present step. What it started earlier keeps the pulse of its own step."""
    pulse = Pulse()
    _pulse.set(pulse)
    return pulse


def pulse() -> None:
    """Say that the present step moves: it has committed something."""
    present = _pulse.get()
    if present is not None:
        present.at = time.monotonic()


class Watched(Protocol):
    """A loop as the watchdog sees it. `stalls` counts those in a row; a step that ends sets it back."""

    name: str
    limit: Duration
    pulse: Pulse
    stalls: int

    async def run(self) -> None: ...


class Watchdog:
    """Runs loops, and looks at them every so often. `stalled` is told of each stall; `lost` of the last one, once."""

    def __init__(
        self,
        *,
        stalled: Callable[[str], None],
        lost: Callable[[str], None],
        every: Duration = SECOND,
    ) -> None:
        self._stalled = stalled
        self._lost = lost
        self._every = every
        self._tasks: dict[Watched, asyncio.Task[None]] = {}

    def watch(self, loop: Watched) -> None:
        """Start a loop; it runs until the watchdog ends."""
        loop.pulse = Pulse()
        self._tasks[loop] = asyncio.create_task(loop.run(), name=loop.name)

    async def run(self) -> None:
        """Look after the loops until cancelled; they end with it, and those that do not let go are left behind."""
        try:
            while True:
                await asyncio.sleep(self._every / 1000)
                for loop, task in tuple(self._tasks.items()):
                    # One that ended by itself has met a database that is broken.
                    if not task.done() and time.monotonic() - loop.pulse.at > loop.limit / 1000:
                        await self._restart(loop, task)
        finally:
            await _ended(self._tasks.values())

    async def _restart(self, loop: Watched, task: asyncio.Task[None]) -> None:
        loop.stalls += 1
        log.error("loop_stalled", loop=loop.name, seconds=loop.limit // SECOND, in_a_row=loop.stalls)
        self._stalled(loop.name)
        if loop.stalls == STALLS_AT_MOST:
            self._lost(f"the {loop.name} loop stalled {loop.stalls} times in a row: something never answers")
        await _ended([task])
        self.watch(loop)


async def _ended(tasks: Collection[asyncio.Task[None]]) -> None:
    """Cancel them; wait for them to let go, but not for long."""
    left = set(tasks)
    for task in left:
        task.cancel()
    if left:
        await asyncio.wait(left, timeout=LETTING_GO_S)
