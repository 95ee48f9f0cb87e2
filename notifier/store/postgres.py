"""PostgreSQL, for any number of replicas.

Functions of the store run on asyncpg through SQLAlchemy's greenlet bridge.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable
from decimal import Decimal
from functools import partial
from typing import Any, TypeVar

import asyncpg
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from notifier.domain.errors import StoreError, StoreFull, StoreUnavailable
from notifier.domain.time import SECOND, Duration, Instant
from notifier.store.database import (
    LOOP,
    MIGRATION,
    REQUEST,
    SERVER_MOMENT,
    TOPICS,
    Broken,
    SerializationConflict,
    Signals,
    Topic,
    Tx,
)
from notifier.store.postgres_address import driver_address, unreachable
from notifier.store.postgres_pool import Pool, dropped, sqlstate
from notifier.telemetry.clock import AnchoredClock, Clock
from notifier.telemetry.watchdog import pulse

T = TypeVar("T")

CHANNEL = "notifier"
RACES = 10
GRACE: Duration = SECOND
"""How much longer than the server's own time limits a silent connection is kept before it is dropped."""
LISTENING_CHECKED_S = 5.0
APART: Duration = SECOND
"""The difference from the server's clock above which the clock is corrected; less may be network latency."""
_LOST = (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError)
"""Errors of a connection that SQLAlchemy does not wrap. The last is raised by one that was cut within a statement."""
_AWAY = (*_LOST, sa.exc.DBAPIError)
_AGAIN = {"40001", "40P01"}  # serialization_failure, deadlock_detected
_FULL = {"53100", "53200"}  # disk_full, out_of_memory
_READ_ONLY = "25006"  # read_only_sql_transaction
_BUSY = {"55P03", "25P03"}  # lock_not_available, idle_in_transaction_session_timeout


class PostgresDatabase:
    """A pool of connections. Time is the server's, sampled every few seconds and advanced by the monotonic clock."""

    dialect: Any = "postgresql"

    def __init__(self, pool: Pool, *, clock: Clock, replica: str) -> None:
        self._pool = pool
        self._clock = clock
        self.replica = replica
        self.signals = Signals()
        self.broken = Broken()
        self._listener = asyncio.create_task(self._listen(), name="store-listen")

    @classmethod
    async def open(
        cls, url: str, *, replica: str, clock: Clock | None = None, pool_size: int = 8
    ) -> PostgresDatabase:
        """Connect and check the server. `fsync=off` is refused, because a `202` promises an fsync."""
        pool = Pool(driver_address(url), size=pool_size)
        try:
            fsync, moment = await pool.run(_inspect_server, within=LOOP / 1000)
        except (*_AWAY, ValueError, OverflowError) as error:
            await pool.aclose()
            raise unreachable(error) from error
        except StoreError:
            await pool.aclose()
            raise
        if fsync != "on":
            await pool.aclose()
            raise StoreUnavailable(
                "PostgreSQL runs with fsync=off, so a 202 would promise nothing: turn it on"
            )
        return cls(pool, clock=clock or AnchoredClock(int(moment)), replica=replica)

    def now(self) -> Instant:
        return self._clock.now()

    async def write(
        self,
        work: Callable[[Tx], T],
        *,
        housekeeping: bool = False,  # noqa: ARG002 - one protocol
        essential: bool = True,  # noqa: ARG002
        limit: Duration = REQUEST,
    ) -> T:
        until = time.monotonic() + (limit + GRACE) / 1000
        for attempt in range(RACES):
            topics: set[Topic] = set()
            try:
                result = await self._run(partial(self._call, work, limit, attempt, topics), until)
            except SerializationConflict:
                await asyncio.sleep(0.002 * attempt)
                continue
            self.signals.wake_after_commit(topics)
            pulse()
            return result
        raise StoreUnavailable("a transaction lost too many races: try again")

    def _call(
        self,
        work: Callable[[Tx], T],
        limit: Duration,
        attempt: int,
        topics: set[Topic],
        connection: Connection,
    ) -> T:
        connection.exec_driver_sql(bounds(limit))
        tx = Tx(connection, self.now(), "postgresql", self.replica, attempt, topics)
        result = work(tx)
        for topic in sorted(topics):
            connection.exec_driver_sql(f"NOTIFY {CHANNEL}, '{topic}'")
        connection.commit()
        return result

    async def read(self, work: Callable[[Tx], T], *, limit: Duration = REQUEST, snapshot: bool = False) -> T:
        def call(connection: Connection) -> T:
            if snapshot:
                connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
            connection.exec_driver_sql(bounds(limit))
            return work(Tx(connection, self.now(), "postgresql", self.replica))

        try:
            return await self._run(call, time.monotonic() + (limit + GRACE) / 1000)
        except SerializationConflict as error:
            raise StoreUnavailable("PostgreSQL gave another transaction the way: try again") from error

    async def _run(self, call: Callable[[Connection], T], until: float) -> T:
        """Run `call` on a connection, with errors as `StoreError`s.

        Raises `SerializationConflict` if a retry may succeed.
        """
        try:
            return await self._pool.run(partial(_writable, call), within=until - time.monotonic())
        except sa.exc.DBAPIError as error:
            if sqlstate(error) in _AGAIN:
                raise SerializationConflict from error
            raise translate(error) from error
        except sa.exc.TimeoutError as error:
            raise StoreUnavailable("all connections to PostgreSQL are busy: try again") from error
        except _LOST as error:
            raise unreachable(error, StoreUnavailable("PostgreSQL does not answer: try again")) from error

    async def _listen(self) -> None:
        """Forward other replicas' signals. Lost notifications only cause delay, since all loops poll as well."""
        while True:
            with contextlib.suppress(*_LOST, sa.exc.SQLAlchemyError):
                async with self._pool.alone(within=LOOP / 1000) as raw:
                    await raw.add_listener(CHANNEL, self._on_notify)
                    self.signals.wake(TOPICS)
                    while True:
                        await asyncio.sleep(LISTENING_CHECKED_S)
                        with dropped(raw, LISTENING_CHECKED_S):
                            moment = await raw.fetchval(SERVER_MOMENT)
                        self._correct_clock(int(moment))
            await asyncio.sleep(1)

    def _correct_clock(self, moment: Instant) -> None:
        """Correct the clock if it differs from the server's, because either was set or this machine stood still."""
        if isinstance(self._clock, AnchoredClock) and abs(moment - self._clock.now()) > APART:
            self._clock.anchor(moment)

    def _on_notify(self, _connection: object, _pid: int, _channel: str, payload: str) -> None:
        self.signals.wake_after_commit({topic for topic in TOPICS if topic == payload})

    async def aclose(self) -> None:
        self._listener.cancel()
        await asyncio.wait([self._listener])
        await self._pool.aclose()


def _writable(call: Callable[[Connection], T], connection: Connection) -> T:
    """Run `call`. A read-only session is invalidated, since it would remain read-only after a failover."""
    try:
        return call(connection)
    except sa.exc.DBAPIError as error:
        if sqlstate(error) == _READ_ONLY:
            connection.invalidate(error)
        raise


def bounds(limit: Duration) -> str:
    """SET statements with the server's time limits, for this transaction only, since a pooler shares connections.

    Isolation is READ COMMITTED. `synchronous_commit` is enabled whatever the role's default, so that an acknowledged
    commit is flushed. A backend whose client falls silent within a transaction releases its locks.
    """
    wait = 0 if limit == MIGRATION else limit
    return (
        "SELECT set_config('synchronous_commit', 'on', true), "
        f"set_config('lock_timeout', '{wait}', true), set_config('statement_timeout', '{wait}', true), "
        f"set_config('idle_in_transaction_session_timeout', '{limit}', true)"
    )


def _inspect_server(connection: Connection) -> tuple[str, Decimal]:
    fsync = connection.exec_driver_sql("SHOW fsync").scalar_one()
    return fsync, connection.exec_driver_sql(SERVER_MOMENT).scalar_one()


def translate(error: sa.exc.DBAPIError) -> StoreError:
    """The store's error for an SQLSTATE (PostgreSQL, appendix A)."""
    state = sqlstate(error) or ""
    if state in _FULL:
        return StoreFull("PostgreSQL has no room left")
    if state == _READ_ONLY:
        return StoreUnavailable(
            "PostgreSQL is read-only, as a standby is: name the primary in `database.url`"
        )
    if state in _BUSY:
        return StoreUnavailable("PostgreSQL is locked by somebody else: try again")
    # Without a statement, connecting or committing has failed: a retry is right.
    if (
        error.statement is None
        or error.connection_invalidated
        or state[:2] in {"08", "57", "53"}
        or not state
    ):
        return unreachable(
            error, StoreUnavailable("PostgreSQL does not answer or is shutting down: try again")
        )
    return StoreError(f"PostgreSQL refused a statement ({state})")
