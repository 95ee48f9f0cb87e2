"""The watchdog: a loop that does not move is started again, seen, and in the end the process is given up."""

from __future__ import annotations

import asyncio
import threading
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
HEALTHY_LIMIT = 2_000
"""For a step that must not be taken for one that hangs, however busy the machine is."""
EVERY = 20


class Watching:
    """A watchdog over one loop, and what it said. `lost` has how many stalls had been told when the loop was lost."""

    def __init__(self, step: Callable[[], Awaitable[None]], *, limit: int = LIMIT) -> None:
        self.stalled: list[str] = []
        self.lost: list[int] = []
        self.loop = Loop("groups", step, clock=SystemClock(), broken=lambda _: None, limit=limit)
        self._watchdog = Watchdog(stalled=self.stalled.append, lost=self._lost, every=EVERY)

    def _lost(self, why: str) -> None:
        assert "groups" in why
        self.lost.append(len(self.stalled))

    @asynccontextmanager
    async def running(self, until: Callable[[], object]) -> AsyncIterator[None]:
        self._watchdog.watch(self.loop)
        task = asyncio.create_task(self._watchdog.run())
        await come_about(until)
        yield
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def come_about(check: Callable[[], object]) -> None:
    async with asyncio.timeout(60):
        while not check():  # noqa: ASYNC110 - a watchdog says nothing of what it leaves alone
            await asyncio.sleep(0.005)


async def for_ever() -> None:
    await asyncio.Event().wait()


async def test_a_step_that_hangs_is_started_again() -> None:
    """Cancelled and begun anew; the stall is told once, and forgotten when a step ends."""
    begun = 0

    async def step() -> None:
        nonlocal begun
        begun += 1
        if begun == 1:
            await for_ever()
        await asyncio.sleep(0.01)

    watching = Watching(step, limit=HEALTHY_LIMIT // 2)
    async with watching.running(lambda: begun > 3):
        assert watching.stalled == ["groups"]
        assert watching.loop.stalls == 0


async def test_three_in_a_row_are_the_end() -> None:
    """Told once that the loop is lost, at the third stall."""
    watching = Watching(for_ever)
    async with watching.running(lambda: len(watching.stalled) > 3):
        assert watching.loop.stalls == len(watching.stalled)
        assert watching.lost == [3]


async def test_a_step_that_raises_is_no_stall() -> None:
    """A database that is down, locked or full: the loop lives, for however long."""

    async def step() -> None:
        raise StoreUnavailable("down")

    watching = Watching(step, limit=20_000)
    first = watching.loop.pulse
    async with watching.running(lambda: watching.loop.pulse is not first):
        second = watching.loop.pulse
        # The watchdog asks when the present step moved, and the next one is a step of its own.
        await come_about(lambda: watching.loop.pulse is not second)
        assert watching.loop.pulse.at > second.at
        assert watching.stalled == []


async def test_a_step_that_commits_is_no_stall(database: Database) -> None:
    """A backlog that takes longer than the limit, in many transactions, is work."""

    async def step() -> None:
        for _ in range(8):
            await database.write(lambda _: None)
            await asyncio.sleep(0.3)
        ended.set()

    ended = asyncio.Event()
    watching = Watching(step, limit=HEALTHY_LIMIT)
    async with watching.running(ended.is_set):
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
    async with watching.running(lambda: watching.stalled):
        assert sends
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
    async with watching.running(lambda: len(running) > 1):
        before = len(asyncio.all_tasks())
        release.set()
        await come_about(lambda: len(asyncio.all_tasks()) == before - 1)


async def test_a_transaction_that_never_ends_is_a_stall(database: Database) -> None:
    """On SQLite the writer's thread is stuck with it, on PostgreSQL the server is: the step is stopped all the same."""
    hang, release = asyncio.Event(), threading.Event()

    async def step() -> None:
        if not hang.is_set():
            hang.set()
            await database.write(lambda _: release.wait(60) if database.dialect == "sqlite" else None)
            await for_ever()
        await asyncio.sleep(0.02)

    watching = Watching(step)
    async with watching.running(lambda: watching.stalled):
        assert watching.stalled == ["groups"]
    release.set()
