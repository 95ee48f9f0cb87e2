"""PostgreSQL behind a network that forgets connections, and locks that somebody else holds: nothing waits for ever."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Iterator

import pytest
import sqlalchemy as sa

from notifier.domain.errors import StoreUnavailable
from notifier.domain.time import SECOND
from notifier.store.database import Database, Tx
from notifier.store.postgres import PostgresDatabase
from notifier.testing import ManualClock
from tests.silence import SilentProxy

pytestmark = pytest.mark.anyio

LIMIT = SECOND // 2
# The limit and a second; a machine that is busy adds to it, and who waits for the server waits for ever.
FAILED_WITHIN_S = 30


@pytest.fixture
def proxy(postgres_url: str) -> Iterator[SilentProxy]:
    with SilentProxy(postgres_url) as opened:
        yield opened


@pytest.fixture
async def behind(proxy: SilentProxy, clock: ManualClock) -> AsyncIterator[PostgresDatabase]:
    """The database, seen through the proxy."""
    database = await PostgresDatabase.open(proxy.url, replica="main", clock=clock, pool_size=4)
    yield database
    await asyncio.wait_for(database.aclose(), 30)


def one(tx: Tx) -> int:
    return int(tx.run(sa.text("SELECT 1")).scalar_one())


async def took(work: object) -> float:
    """How long it took to fail."""
    started = time.monotonic()
    with pytest.raises(StoreUnavailable):
        await work  # type: ignore[misc]
    return time.monotonic() - started


@pytest.mark.parametrize("method", ["read", "write"])
async def test_a_silent_connection_fails_in_time_and_the_next_is_new(
    proxy: SilentProxy, behind: PostgresDatabase, method: str
) -> None:
    """What is open is forgotten: the transaction fails within its limit and a second; the next connects anew."""
    run = getattr(behind, method)
    await asyncio.gather(*(run(one) for _ in range(4)))
    proxy.forget()
    assert await took(run(one, limit=LIMIT)) < FAILED_WITHIN_S
    assert await run(one) == 1


async def test_new_connections_that_are_silent_fail_in_time_too(
    proxy: SilentProxy, behind: PostgresDatabase
) -> None:
    """Connections are accepted and nothing passes: nobody waits, however many ask; afterwards all is well at once."""
    proxy.silence()
    times = await asyncio.gather(*(took(behind.write(one, limit=LIMIT)) for _ in range(12)))
    times += await asyncio.gather(*(took(behind.write(one, limit=LIMIT)) for _ in range(12)))
    assert max(times) < FAILED_WITHIN_S
    proxy.speak()
    assert await behind.write(one) == 1


async def test_a_transaction_that_goes_silent_in_its_midst_fails_in_time(
    proxy: SilentProxy, behind: PostgresDatabase
) -> None:
    """Between two statements, as between any two."""

    def work(tx: Tx) -> int:
        one(tx)
        proxy.forget()
        time.sleep(0.1)
        return one(tx)

    assert await took(behind.write(work, limit=LIMIT)) < FAILED_WITHIN_S


async def test_who_is_cancelled_in_a_silence_is_gone_at_once(
    proxy: SilentProxy, behind: PostgresDatabase
) -> None:
    """The watchdog, a client that left and SIGTERM cancel: none of them waits for the server."""
    await behind.write(one)
    proxy.silence()
    task = asyncio.ensure_future(behind.write(one))
    await asyncio.sleep(0.2)
    started = time.monotonic()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert time.monotonic() - started < 15
    proxy.speak()
    assert await behind.write(one) == 1


async def test_closing_in_a_silence_ends(proxy: SilentProxy, clock: ManualClock) -> None:
    """Idle connections, one in use and the one that listens: none of them answers, and the end waits for none."""
    database = await PostgresDatabase.open(proxy.url, replica="main", clock=clock, pool_size=4)
    await asyncio.gather(*(database.write(one) for _ in range(3)))
    proxy.silence()
    task = asyncio.ensure_future(database.write(one))
    await asyncio.sleep(0.1)
    started = time.monotonic()
    await database.aclose()
    assert time.monotonic() - started < 20
    with pytest.raises(StoreUnavailable):
        await task


async def test_opening_a_silent_database_fails_in_time(proxy: SilentProxy, clock: ManualClock) -> None:
    """A sentence instead of a start that hangs."""
    proxy.silence()
    started = time.monotonic()
    with pytest.raises(StoreUnavailable, match="cannot be reached"):
        await PostgresDatabase.open(proxy.url, replica="main", clock=clock)
    assert time.monotonic() - started < 30


async def test_other_replicas_are_heard_again_after_a_silence(
    proxy: SilentProxy, behind: PostgresDatabase, postgres_url: str, clock: ManualClock
) -> None:
    """The connection that listens is asked every few seconds whether it still does."""
    subscription = behind.signals.subscribe("targets")
    other = await PostgresDatabase.open(postgres_url, replica="other", clock=clock, pool_size=1)
    await asyncio.sleep(0.3)
    proxy.forget()
    subscription._event.clear()
    async with asyncio.timeout(60):
        while not subscription._event.is_set():
            await other.write(lambda tx: tx.signal("targets"))
            await asyncio.sleep(0.2)
    await other.aclose()


async def test_a_lock_of_somebody_else_is_waited_for_as_long_as_the_limit(
    postgres_url: str, clock: ManualClock
) -> None:
    """The server itself ends the wait, so that the connection is kept; the limit does not outlive its transaction."""
    database = await PostgresDatabase.open(postgres_url, replica="main", clock=clock, pool_size=2)
    held, release = asyncio.Event(), asyncio.Event()

    async def hold() -> None:
        async with database._pool._engine.begin() as connection:
            await connection.exec_driver_sql("LOCK TABLE audit")
            held.set()
            await release.wait()

    holder = asyncio.create_task(hold())
    await held.wait()
    count = sa.text("SELECT count(*) FROM audit")
    assert (
        0.4 < await took(database.write(lambda tx: tx.run(count).scalar_one(), limit=LIMIT)) < FAILED_WITHIN_S
    )
    release.set()
    await holder
    assert await database.write(lambda tx: tx.run(count).scalar_one()) == 0
    async with database._pool._engine.connect() as connection:
        shown = [
            (await connection.exec_driver_sql(f"SHOW {name}")).scalar_one()
            for name in ("lock_timeout", "statement_timeout", "idle_in_transaction_session_timeout")
        ]
    assert shown == ["0", "0", "0"]
    await database.aclose()


async def test_a_session_that_may_only_read_is_given_up(postgres_url: str, clock: ManualClock) -> None:
    """After a failover, or while somebody has made the database read-only: said so, and over with the next session."""
    database = await PostgresDatabase.open(postgres_url, replica="main", clock=clock, pool_size=1)
    await database.write(lambda tx: tx.run(sa.text("SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY")))
    delete = sa.text("DELETE FROM audit")
    with pytest.raises(StoreUnavailable, match=r"read-only.*primary"):
        await database.write(lambda tx: tx.run(delete))
    await database.write(lambda tx: tx.run(delete))
    await database.aclose()


async def test_work_that_is_late_fails_on_either_engine(database: Database) -> None:
    """Behind another transaction that takes long: what has not begun within its limit never does."""
    began: list[int] = []

    release = threading.Event()

    def slow(_tx: Tx) -> None:
        release.wait(60)

    if database.dialect == "postgresql":
        pytest.skip("its transactions run side by side")
    first = asyncio.ensure_future(database.write(slow))
    await asyncio.sleep(0.05)
    assert await took(database.write(lambda _: began.append(1), limit=LIMIT)) < 30
    assert not first.done()
    release.set()
    await first
    assert began == []
    assert await database.write(one) == 1


async def test_statements_that_a_pooler_has_put_elsewhere_are_prepared_anew(
    postgres_url: str, clock: ManualClock
) -> None:
    """A pooler gives a transaction another server's connection, which knows no statement: nobody notices."""
    database = await PostgresDatabase.open(postgres_url, replica="main", clock=clock, pool_size=1)

    def forgets(tx: Tx) -> int:
        found = one(tx)
        tx.run(sa.text("DEALLOCATE ALL"))
        return found

    try:
        assert await database.write(forgets) == 1
        assert await database.write(forgets) == 1
        held = await database.read(
            lambda tx: tx.run(sa.text("SELECT count(*) FROM pg_prepared_statements")).scalar()
        )
        assert await database.read(one) == 1
        assert held == 0
    finally:
        await database.aclose()


async def test_whatever_a_cut_connection_says_the_store_is_unavailable(
    own_postgres_url: str, clock: ManualClock
) -> None:
    """The server ends sessions at any point of a transaction: each fails as one to be tried again, and all recover."""
    database = await PostgresDatabase.open(own_postgres_url, replica="main", clock=clock, pool_size=4)
    cutter = await PostgresDatabase.open(own_postgres_url, replica="cutter", clock=clock, pool_size=1)
    over = asyncio.Event()
    others = sa.text(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )

    def several(tx: Tx) -> None:
        for _ in range(5):
            tx.run(sa.text("SELECT count(*) FROM audit WHERE at > :at").bindparams(at=tx.now)).scalar_one()

    async def work() -> int:
        failed = 0
        while not over.is_set():
            try:
                await database.write(several)
            except StoreUnavailable:
                failed += 1
        return failed

    workers = [asyncio.create_task(work()) for _ in range(4)]
    for _ in range(40):
        await asyncio.sleep(0.02)
        await cutter.read(lambda tx: tx.run(others).all())
    over.set()
    assert sum(await asyncio.gather(*workers)) > 0
    await database.write(several)
    await database.aclose()
    await cutter.aclose()
