"""`notifier db copy`: copies all rows into an empty database of either engine, and compares the accounting."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.util import await_only

from notifier.domain.errors import StoreError, StoreUnavailable
from notifier.domain.time import HOUR, MINUTE, Duration
from notifier.runtime import backup
from notifier.runtime.configuration import load_for_database
from notifier.runtime.database import open_database, replica_name, sqlite_path
from notifier.settings.values import database_url
from notifier.store import copying, ledger, migrate, replicas
from notifier.store.copying import Row, TableSum
from notifier.store.database import Database, Tx
from notifier.store.ledger import Accounting
from notifier.store.sqlite import SqliteDatabase
from notifier.telemetry.clock import SystemClock

_TIMEOUT: Duration = 12 * HOUR
_ALIVE: Duration = MINUTE
_PARTS = ("", "-wal", "-shm", "-journal")


@dataclass(frozen=True, slots=True, kw_only=True)
class CopiedDatabase:
    """The number of copied rows by table, and the accounting, which is equal in both databases."""

    rows: Mapping[str, int]
    books: Accounting


def copy_database(config: str | None, environ: Mapping[str, str], to: str) -> CopiedDatabase:
    """Copies the configured database to the one at `to`, completely or not at all.

    Raises `StoreError` if the source is in use, the target is not empty, or the copy differs from the source.
    """
    settings = load_for_database(config, environ)
    url = _validated_target(to)

    async def copy() -> CopiedDatabase:
        source = await open_database(settings)
        try:
            await _refuse_if_in_use(source)
            async with _target(url) as target:
                return await _copy(source, target)
        finally:
            await source.aclose()

    return asyncio.run(copy())


def _validated_target(to: str) -> str:
    """Validates the target's URL like a configured one. Raises `StoreError` if it is invalid."""
    try:
        return database_url(to)
    except ValueError as error:
        raise StoreError(f"the address of the target cannot be used: {error}") from error


async def _refuse_if_in_use(source: Database) -> None:
    """Raises `StoreError` if the source is in use: by a SQLite file's lock, or a recent heartbeat on PostgreSQL."""
    if source.dialect == "postgresql":
        alive = await source.read(lambda tx: replicas.since(tx, tx.now - _ALIVE))
        if alive:
            raise StoreUnavailable(
                f"{len(alive)} of the database's replicas ran within the last minute: stop them all, wait a minute, "
                "and copy again"
            )


@asynccontextmanager
async def _target(url: str) -> AsyncIterator[Database]:
    """The target with its tables. A new SQLite file gets its name only when it is complete and on disk."""
    path = sqlite_path(url)
    if path is None:
        from notifier.store.postgres import PostgresDatabase  # noqa: PLC0415 - asyncpg is an extra

        database = await PostgresDatabase.open(url, replica=replica_name())
        try:
            await _prepare(database)
            yield database
        finally:
            await database.aclose()
        return
    if _is_taken(path):
        raise StoreError("there is a file of the target's name: name one that does not exist")
    draft = path.with_name(f".{path.name}.copying")
    backup.remove(draft)
    try:
        draft_database = SqliteDatabase(draft, clock=SystemClock())
        try:
            await _prepare(draft_database)
            yield draft_database
        finally:
            await draft_database.aclose()
        backup.publish(draft, path)
    finally:
        backup.remove(draft)


def _is_taken(path: Path) -> bool:
    return any(Path(f"{path}{part}").exists() for part in _PARTS)


async def _prepare(database: Database) -> None:
    version = await database.read(lambda tx: migrate.current(tx.conn))
    if version not in {None, migrate.HEAD}:
        raise StoreError("the target has tables of another version: name an empty database")
    await database.write(lambda tx: migrate.upgrade(tx.conn), limit=_TIMEOUT)
    if not await database.read(copying.is_empty):
        raise StoreError("the target is not empty: name a database without rows")


async def _copy(source: Database, target: Database) -> CopiedDatabase:
    loop = asyncio.get_running_loop()

    def pull(table: sa.Table, after: Row | None) -> Sequence[Row]:
        """A page of the source, read within the target's transaction: in a greenlet, or in a thread for SQLite."""
        rows = source.read(lambda tx: copying.page(tx, table, after), limit=_TIMEOUT)
        if target.dialect == "postgresql":
            return await_only(rows)
        return asyncio.run_coroutine_threadsafe(_awaited(rows), loop).result()

    numbers = await source.read(copying.last_numbers)
    before = await source.read(ledger.check, limit=_TIMEOUT, snapshot=True)

    def work(tx: Tx) -> tuple[Mapping[str, TableSum], Accounting]:
        sums = copying.fill(tx, pull)
        copying.restart_sequences(tx, numbers)
        for table in copying.tables():
            if (
                copying.summed(lambda copied, after: copying.page(tx, copied, after), table)
                != sums[table.name]
            ):
                raise StoreError(
                    f"the rows of {table.name} are not what was read: nothing was copied, try again"
                )
        return sums, ledger.accounting(tx)

    sums, books = await target.write(work, limit=_TIMEOUT)
    if books != before.exact:
        raise StoreError(
            "the books of the two differ, because the source changed meanwhile: stop what uses it"
        )
    return CopiedDatabase(rows={name: digest.rows for name, digest in sums.items()}, books=books)


async def _awaited(rows: Any) -> Sequence[Row]:
    page: Sequence[Row] = await rows
    return page
