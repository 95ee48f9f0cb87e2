"""Transactions on either engine, and the signals that follow a commit.

Functions of the store take a `Tx`. On SQLite they run in the single writer thread (FIFO, with housekeeping last) or
in a reader thread; on PostgreSQL they run on asyncpg through SQLAlchemy's greenlet bridge.
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
"""The limit for a commit of ingest. Together with a second in the queue, requests fail within five seconds."""
LOOP: Duration = 10 * SECOND
HOUSEKEEPING: Duration = 60 * SECOND
MIGRATION: Duration = 600 * SECOND
"""The limit for a silent database during a migration; locks and statements are not limited in one."""


class SerializationConflict(Exception):
    """A concurrent transaction conflicted: this one is rolled back and repeated."""


@dataclass(slots=True)
class Tx:
    """A transaction: its connection and time, the topics to signal, and the number of the attempt.

    `deferred` holds rows to be written by `write_deferred`, None outside `batching`. `driver` is the sqlite3
    connection below `conn`, None on PostgreSQL.
    """

    conn: Connection
    now: Instant
    dialect: Dialect
    replica: str
    attempt: int = 0
    topics: set[Topic] = field(default_factory=set)
    deferred: dict[Any, list[Any]] | None = None
    driver: sqlite3.Connection | None = None

    def signal(self, topic: Topic) -> None:
        """Wake the subscribers of `topic` after the commit."""
        self.topics.add(topic)

    def run(self, statement: sa.Executable, parameters: dict[str, Any] | None = None) -> sa.CursorResult[Any]:
        return self.conn.execute(statement, parameters)


SERVER_MOMENT = "SELECT extract(epoch FROM clock_timestamp()) * 1000"
"""The current time of PostgreSQL's clock, in milliseconds."""
POLL: Duration = 5 * SECOND
"""The poll interval, which bounds the delay by a lost signal."""


REST: Duration = 3
"""The delay in milliseconds before waking loops that usually find nothing to do."""
_LATER: AbstractSet[Topic] = frozenset({"groups", "targets"})


class Subscription:
    """A loop's subscription to topics. A signal that arrives while the loop is working is kept."""

    def __init__(self) -> None:
        self._event = asyncio.Event()

    def wake(self) -> None:
        self._event.set()

    async def wait(self, timeout: Duration | None) -> None:  # noqa: ASYNC109 - a level-triggered wait, no failure
        """Return after a signal since the last wait, or after `timeout` milliseconds."""
        with suppress(TimeoutError):
            async with asyncio.timeout(None if timeout is None else max(0, timeout) / 1000):
                await self._event.wait()
        self._event.clear()

    async def wait_until(self, at: Instant | None, *, now: Instant) -> None:
        """Wait until a signal or the given time, at most for the poll interval."""
        await self.wait(POLL if at is None else min(POLL, max(0, at - now)))


class Signals:
    """Signals between loops. A lost signal delays work but loses none, since every wait has a timeout."""

    def __init__(self) -> None:
        self._subscriptions: dict[Topic, list[Subscription]] = {topic: [] for topic in TOPICS}

    def subscribe(self, *topics: Topic) -> Subscription:
        subscription = Subscription()
        for topic in topics:
            self._subscriptions[topic].append(subscription)
        return subscription

    def wake_after_commit(self, topics: AbstractSet[Topic]) -> None:
        """Wake the subscribers in the event loop's next turn, after what the commit itself has triggered.

        Topics in `_LATER` are delayed by `REST`: the transaction has usually done their work itself, and a loop that
        finds nothing to do would take CPU time from the sends that have just begun.
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
    """A one-way flag: the database may be damaged, and nothing must be acknowledged until the process has ended."""

    def __init__(self) -> None:
        self._event = asyncio.Event()
        self.why = ""

    def set(self, why: str) -> None:
        """Set the flag. Only the first reason is kept."""
        self.why = self.why or why
        self._event.set()

    def is_set(self) -> bool:
        return self._event.is_set()

    async def wait(self) -> str:
        """Wait until the flag is set. Returns the reason."""
        await self._event.wait()
        return self.why


class Database(Protocol):
    """An open database of either engine. Errors of the database are raised as `StoreError`s.

    `broken` is set when a write has reached the disk in an unknown state; the process must then acknowledge nothing
    and exit.
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
        """Run `work` in one transaction. If not `essential`, it cannot use the space reserved for a full disk.

        Raises `StoreUnavailable` after waiting `limit` milliseconds for a lock, for its turn, or for a silent server.
        """
        ...

    async def read(self, work: Callable[[Tx], T], *, limit: Duration = REQUEST, snapshot: bool = False) -> T:
        """Run read-only `work`. With `snapshot`, all its statements see the same snapshot on both engines."""
        ...

    async def aclose(self) -> None: ...
