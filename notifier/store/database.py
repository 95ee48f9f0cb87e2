"""One way to run a transaction on either engine, and the signals that follow a commit.

Roles are plain functions of a `Tx`. On SQLite they run in the one writer thread (FIFO, housekeeping last) or in a
reader thread; on PostgreSQL the same functions run on asyncpg through SQLAlchemy's greenlet bridge.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Iterable
from collections.abc import Set as AbstractSet
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, TypeVar

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from notifier.domain.time import SECOND, Duration, Instant

T = TypeVar("T")
Dialect = Literal["sqlite", "postgresql"]
Topic = Literal["attention", "groups", "targets", "sweep", "ends"]
TOPICS: tuple[Topic, ...] = ("attention", "groups", "targets", "sweep", "ends")


REQUEST: Duration = 5 * SECOND
INGEST: Duration = 3 * SECOND
"""A commit that others wait behind: with the second that they may have waited already, theirs fails within five."""
LOOP: Duration = 10 * SECOND
HOUSEKEEPING: Duration = 60 * SECOND
MIGRATION: Duration = 600 * SECOND
"""How long the database may be silent during a migration; waits and statements have no limit in one."""


class SerializationConflict(Exception):
    """Another replica was faster: the transaction is rolled back and run again from the start."""


@dataclass(slots=True)
class Tx:
    """One transaction: its connection and moment, what became due in it, and how many races it lost before.

    `gathered` holds rows that are written later, with one statement for all that it concerns; None: nothing waits.
    `driver` is SQLite's own connection, below `conn`; None on PostgreSQL.
    """

    conn: Connection
    now: Instant
    dialect: Dialect
    replica: str
    attempt: int = 0
    topics: set[Topic] = field(default_factory=set)
    gathered: dict[Any, list[Any]] | None = None
    driver: sqlite3.Connection | None = None

    def signal(self, topic: Topic) -> None:
        """Wake the loop of `topic` once this transaction has committed."""
        self.topics.add(topic)

    def run(self, statement: sa.Executable, parameters: dict[str, Any] | None = None) -> sa.CursorResult[Any]:
        return self.conn.execute(statement, parameters)


SERVER_MOMENT = "SELECT extract(epoch FROM clock_timestamp()) * 1000"
"""The present moment by PostgreSQL's clock, in milliseconds."""
POLL: Duration = 5 * SECOND
"""How long a lost wake-up may cost."""


REST: Duration = 3
"""How much later loops are woken that mostly find nothing to do."""
_LATER: AbstractSet[Topic] = frozenset({"groups", "targets"})


class Subscription:
    """A loop's subscription to topics. A signal that comes while the loop works is kept."""

    def __init__(self) -> None:
        self._event = asyncio.Event()

    def wake(self) -> None:
        self._event.set()

    async def wait(self, timeout: Duration | None) -> None:  # noqa: ASYNC109 - a level-triggered wait, no failure
        """Return when the topic was signalled since the last wait, or after `timeout` milliseconds."""
        with suppress(TimeoutError):
            async with asyncio.timeout(None if timeout is None else max(0, timeout) / 1000):
                await self._event.wait()
        self._event.clear()

    async def wait_until(self, at: Instant | None, *, now: Instant) -> None:
        """`wait` until that moment, and never longer than the poll; None: only the poll bounds it."""
        await self.wait(POLL if at is None else min(POLL, max(0, at - now)))


class Signals:
    """Loops listen here. A lost wake-up costs time, never an alert: every wait has a time-out."""

    def __init__(self) -> None:
        self._subscriptions: dict[Topic, list[Subscription]] = {topic: [] for topic in TOPICS}

    def subscribe(self, *topics: Topic) -> Subscription:
        subscription = Subscription()
        for topic in topics:
            self._subscriptions[topic].append(subscription)
        return subscription

    def wake_after_commit(self, topics: AbstractSet[Topic]) -> None:
        """Wake the loops of what became due, in the event loop's next turn: what the commit lets begin comes first.

        Those that decide and claim are woken `REST` later: mostly the transaction has done that itself, and a loop that
        only finds nothing to do would take the processor from the sends that begin.
        """
        loop = asyncio.get_running_loop()
        if soon := topics - _LATER:
            loop.call_soon(self.wake, soon)
        if later := topics & _LATER:
            loop.call_later(REST / 1000, self.wake, later)

    def wake(self, topics: Iterable[Topic]) -> None:
        for topic in topics:
            for subscription in self._subscriptions[topic]:
                subscription.wake()


class Broken:
    """Whether nothing may be acknowledged any more, and why; it stays so until the process has ended."""

    def __init__(self) -> None:
        self._event = asyncio.Event()
        self.why = ""

    def set(self, why: str) -> None:
        """Say why; only the first reason counts."""
        self.why = self.why or why
        self._event.set()

    def is_set(self) -> bool:
        return self._event.is_set()

    async def wait(self) -> str:
        """Until it is so; why."""
        await self._event.wait()
        return self.why


class Database(Protocol):
    """An engine that is open. Raises only `StoreError`s for what the database did.

    `broken` is set once a write reached the disk in an unknown state: nothing more is acknowledged, the process ends.
    """

    dialect: Dialect
    signals: Signals
    broken: Broken

    def now(self) -> Instant: ...

    async def write(
        self,
        work: Callable[[Tx], T],
        *,
        housekeeping: bool = False,
        essential: bool = True,
        limit: Duration = REQUEST,
    ) -> T:
        """Run `work` in one transaction. What is not `essential` leaves the last room on a full disk to the rest.

        After `limit` milliseconds of waiting for a lock, for its turn or for a server that is silent it fails with
        `StoreUnavailable`.
        """
        ...

    async def read(
        self, work: Callable[[Tx], T], *, limit: Duration = REQUEST, one_moment: bool = False
    ) -> T:
        """Run `work`, which changes nothing. With `one_moment`, all that it reads is of one moment, on any engine."""
        ...

    async def aclose(self) -> None: ...
