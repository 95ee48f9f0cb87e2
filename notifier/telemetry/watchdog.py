"""The watchdog restarts loops that have stalled.

A loop makes progress when its step returns, raises or commits. A step that raises is not stalled: the database may be
down or full, and the next step follows. A step without progress for `limit` is waiting for something that may never
come, and so is everything that it should notify about.
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
"""The limit for long work: housekeeping, and reloads."""
STALLS_AT_MOST = 3
LETTING_GO_S = 2.0

log = get("notifier.loop")


class Pulse:
    """When a step last made progress, by the monotonic clock."""

    __slots__ = ("at",)

    def __init__(self) -> None:
        self.at = time.monotonic()


_pulse: ContextVar[Pulse | None] = ContextVar("pulse", default=None)


def begin() -> Pulse:
    """Start watching the current step. Tasks that it started earlier keep the pulse of their own step."""
    pulse = Pulse()
    _pulse.set(pulse)
    return pulse


def pulse() -> None:
    """Record progress of the current step: it has committed something."""
    present = _pulse.get()
    if present is not None:
        present.at = time.monotonic()


class Watched(Protocol):
    """A loop under the watchdog. `stalls` counts consecutive stalls; a finished step resets it."""

    name: str
    limit: Duration
    pulse: Pulse
    stalls: int

    async def run(self) -> None: ...


class Watchdog:
    """Runs and monitors loops. `stalled` is called at each stall, `lost` once when restarting has not helped."""

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
        """Start a loop, which runs until the watchdog ends."""
        loop.pulse = Pulse()
        self._tasks[loop] = asyncio.create_task(loop.run(), name=loop.name)

    async def run(self) -> None:
        """Monitor the loops until cancelled, then cancel them. Loops that do not end are abandoned."""
        try:
            while True:
                await asyncio.sleep(self._every / 1000)
                for loop, task in tuple(self._tasks.items()):
                    # A loop that ended by itself has found the database broken.
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
    """Cancel tasks, and wait for a short time until they end."""
    left = set(tasks)
    for task in left:
        task.cancel()
    if left:
        await asyncio.wait(left, timeout=LETTING_GO_S)
