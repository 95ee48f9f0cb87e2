"""The watchdog: a loop that does not move is started again, seen, and in the end the process is given up."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

import pytest

from notifier.domain.errors import StoreUnavailable
from notifier.store.database import Database
from notifier.telemetry.clock import SystemClock
from notifier.telemetry.loop import Loop
from notifier.telemetry.watchdog import Watchdog

pytestmark = pytest.mark.anyio

LIMIT = 200
EVERY = 20


class Watching:
    """A watchdog over one loop, and what it said."""

    def __init__(self, step: Callable[[], Awaitable[None]]) -> None:
        self.stalled: list[str] = []
        self.lost = 0
        self.loop = Loop("groups", step, clock=SystemClock(), broken=lambda _: None, limit=LIMIT)
        self._watchdog = Watchdog(stalled=self.stalled.append, lost=self._lost, every=EVERY)

    def _lost(self, why: str) -> None:
        assert "groups" in why
        self.lost += 1

    @asynccontextmanager
    async def running(self, *, seconds: float) -> AsyncIterator[None]:
        self._watchdog.watch(self.loop)
        task = asyncio.create_task(self._watchdog.run())
        await asyncio.sleep(seconds)
        yield
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def for_ever() -> None:
    await asyncio.Event().wait()


async def test_a_step_that_hangs_is_started_again() -> None:
    """Cancelled and begun anew; the stall is told once, and forgotten when a step ends."""
    begun: list[float] = []

    async def step() -> None:
        begun.append(time.monotonic())
        if len(begun) == 1:
            await for_ever()
        await asyncio.sleep(0.05)

    watching = Watching(step)
    async with watching.running(seconds=0.6):
        assert watching.stalled == ["groups"]
        assert len(begun) > 3
        assert watching.loop.stalls == 0
        assert begun[1] - begun[0] < 0.4


async def test_three_in_a_row_are_the_end() -> None:
    """Told once that the loop is lost, at the third stall."""
    watching = Watching(for_ever)
    async with watching.running(seconds=0.55):
        assert (len(watching.stalled), watching.lost) == (2, 0)
        assert watching.loop.stalls == 2
        await asyncio.sleep(0.4)
        assert watching.lost == 1


async def test_a_step_that_raises_is_no_stall() -> None:
    """A database that is down, locked or full: the loop lives, for however long."""

    async def step() -> None:
        raise StoreUnavailable("down")

    watching = Watching(step)
    watching.loop.limit = 1_500
    async with watching.running(seconds=2.5):
        assert watching.stalled == []


async def test_a_step_that_commits_is_no_stall(database: Database) -> None:
    """A backlog that takes longer than the limit, in many transactions, is work."""

    async def step() -> None:
        for _ in range(12):
            await database.write(lambda _: None)
            await asyncio.sleep(0.05)

    watching = Watching(step)
    async with watching.running(seconds=0.7):
        assert watching.stalled == []


async def test_what_a_step_left_behind_does_not_keep_the_next_alive(database: Database) -> None:
    """A send that goes on committing is not the claim that began after it."""

    async def send() -> None:
        while True:
            await database.write(lambda _: None)
            await asyncio.sleep(0.02)

    sends: list[asyncio.Task[None]] = []

    async def step() -> None:
        if sends:
            await for_ever()
        sends.append(asyncio.create_task(send()))

    watching = Watching(step)
    async with watching.running(seconds=0.45):
        assert watching.stalled
    sends[0].cancel()


async def test_a_step_that_does_not_let_go_is_left_behind() -> None:
    """It swallows its cancellation; another runs beside it, and the loop that held it ends with it."""
    release = asyncio.Event()
    running: list[int] = []

    async def step() -> None:
        running.append(len(running))
        if len(running) > 1:
            await asyncio.sleep(0.05)
            return
        while not release.is_set():
            with suppress(asyncio.CancelledError):
                await release.wait()

    watching = Watching(step)
    async with watching.running(seconds=2.6):
        assert len(running) > 1
        before = len(asyncio.all_tasks())
        release.set()
        await asyncio.sleep(0.1)
        assert len(asyncio.all_tasks()) == before - 1


async def test_a_transaction_that_never_ends_is_a_stall(database: Database) -> None:
    """On SQLite the writer's thread is stuck with it, on PostgreSQL the server is: the step is stopped all the same."""
    hang = asyncio.Event()

    async def step() -> None:
        if not hang.is_set():
            hang.set()
            await database.write(lambda _: time.sleep(1.0) if database.dialect == "sqlite" else None)
            await for_ever()
        await asyncio.sleep(0.02)

    watching = Watching(step)
    async with watching.running(seconds=0.6):
        assert watching.stalled == ["groups"]
    await asyncio.sleep(0.6)
