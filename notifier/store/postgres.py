"""PostgreSQL: any number of replicas; the roles run on asyncpg through SQLAlchemy's greenlet bridge."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import Any, TypeVar

import asyncpg
import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from notifier.domain.errors import StoreError, StoreFull, StoreUnavailable
from notifier.domain.time import Instant
from notifier.store.database import TOPICS, LostRace, Signals, Topic, Tx
from notifier.telemetry.clock import AnchoredClock, Clock

T = TypeVar("T")

CHANNEL = "notifier"
RACES = 10
_AGAIN = {"40001", "40P01"}  # serialization_failure, deadlock_detected
_FULL = {"53100", "53200"}  # disk_full, out_of_memory


class PostgresDatabase:
    """An open pool. Time is the server's `now()`, sampled at the start and advanced by the monotonic clock."""

    dialect: Any = "postgresql"

    def __init__(self, engine: AsyncEngine, *, clock: Clock, replica: str) -> None:
        self._engine = engine
        self._clock = clock
        self.replica = replica
        self.signals = Signals()
        self._listener: asyncio.Task[None] | None = None

    @classmethod
    async def open(
        cls, url: str, *, replica: str, clock: Clock | None = None, pool_size: int = 8
    ) -> PostgresDatabase:
        """Connect and look at the server: `fsync=off` is refused, because `202` means fsynced."""
        engine = create_async_engine(
            driver_url(url), pool_size=pool_size, max_overflow=4, pool_pre_ping=True, hide_parameters=True
        )
        try:
            async with engine.connect() as connection:
                if (await connection.exec_driver_sql("SHOW fsync")).scalar_one() != "on":
                    raise StoreUnavailable(
                        "PostgreSQL runs with fsync=off, so a 202 would promise nothing: turn it on"
                    )
                moment = (
                    await connection.exec_driver_sql("SELECT extract(epoch FROM now()) * 1000")
                ).scalar_one()
        except (OSError, sa.exc.DBAPIError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            await engine.dispose()
            raise StoreUnavailable(
                "PostgreSQL cannot be reached: check database.url and that the server runs"
            ) from error
        except StoreError:
            await engine.dispose()
            raise
        database = cls(engine, clock=clock or AnchoredClock(int(moment)), replica=replica)
        database._listener = asyncio.create_task(database._listen(), name="store-listen")
        return database

    def now(self) -> Instant:
        return self._clock.now()

    async def write(
        self,
        work: Callable[[Tx], T],
        *,
        housekeeping: bool = False,  # noqa: ARG002 - one protocol
        essential: bool = True,  # noqa: ARG002
    ) -> T:
        for attempt in range(RACES):
            topics: set[Topic] = set()
            try:
                async with self._engine.begin() as connection:
                    result = await connection.run_sync(self._call, work, attempt, topics)
            except LostRace:
                await asyncio.sleep(0.002 * attempt)
                continue
            except sa.exc.DBAPIError as error:
                if _sqlstate(error) in _AGAIN:
                    await asyncio.sleep(0.002 * attempt)
                    continue
                raise translate(error) from error
            except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
                raise StoreUnavailable("PostgreSQL does not answer: try again") from error
            self.signals.wake(topics)
            return result
        raise StoreUnavailable("a transaction lost too many races: try again")

    def _call(self, connection: Connection, work: Callable[[Tx], T], attempt: int, topics: set[Topic]) -> T:
        # READ COMMITTED; a commit that was not flushed is not acknowledged, whatever the role's default is.
        connection.exec_driver_sql("SET LOCAL synchronous_commit = on")
        tx = Tx(connection, self.now(), "postgresql", self.replica, attempt, topics)
        result = work(tx)
        for topic in sorted(topics):
            connection.exec_driver_sql(f"NOTIFY {CHANNEL}, '{topic}'")
        return result

    async def read(self, work: Callable[[Tx], T]) -> T:
        try:
            async with self._engine.connect() as connection:
                return await connection.run_sync(
                    lambda sync: work(Tx(sync, self.now(), "postgresql", self.replica))
                )
        except sa.exc.DBAPIError as error:
            raise translate(error) from error
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            raise StoreUnavailable("PostgreSQL does not answer: try again") from error

    async def _listen(self) -> None:
        """Pass other replicas' signals on. Polling backs it up, so a lost connection costs time only."""
        while True:
            with contextlib.suppress(
                OSError, asyncpg.PostgresError, asyncpg.InterfaceError, sa.exc.DBAPIError
            ):
                async with self._engine.connect() as connection:
                    raw = (await connection.get_raw_connection()).driver_connection
                    assert raw is not None
                    closed = asyncio.Event()
                    raw.add_termination_listener(lambda _connection, closed=closed: closed.set())
                    await raw.add_listener(CHANNEL, self._heard)
                    await connection.rollback()
                    try:
                        await closed.wait()
                    finally:
                        if not raw.is_closed():
                            await raw.remove_listener(CHANNEL, self._heard)
            await asyncio.sleep(1)

    def _heard(self, _connection: object, _pid: int, _channel: str, payload: str) -> None:
        self.signals.wake(topic for topic in TOPICS if topic == payload)

    async def aclose(self) -> None:
        if self._listener is not None:
            self._listener.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._listener
        await self._engine.dispose()


def driver_url(url: str) -> sa.URL:
    """`postgresql://...` with our driver; whatever else the URL says stays."""
    return sa.make_url(url).set(drivername="postgresql+asyncpg")


def _sqlstate(error: sa.exc.DBAPIError) -> str | None:
    return getattr(error.orig, "sqlstate", None) or getattr(error.orig, "pgcode", None)


def translate(error: sa.exc.DBAPIError) -> StoreError:
    """SQLSTATE in our words (PostgreSQL, appendix A)."""
    state = _sqlstate(error) or ""
    if state in _FULL:
        return StoreFull("PostgreSQL has no room left")
    # Without a statement it failed to connect or to commit: nothing of ours was refused, and trying again is right.
    if (
        error.statement is None
        or error.connection_invalidated
        or state[:2] in {"08", "57", "53"}
        or not state
    ):
        return StoreUnavailable("PostgreSQL does not answer or is shutting down: try again")
    return StoreError(f"PostgreSQL refused a statement ({state})")
