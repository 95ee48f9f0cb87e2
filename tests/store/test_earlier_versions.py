"""Migration of databases of earlier versions on both engines, without loss."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from notifier.store import integrity, keys, migrate
from notifier.store.database import MIGRATION, Database, Tx
from notifier.store.sqlite import SqliteDatabase
from notifier.testing import ManualClock
from tests import earlier
from tests.earlier import Earlier
from tests.postgres import PostgresCluster

pytestmark = pytest.mark.anyio

COUNT_FROM_ELSEWHERE = {"routed", "rank"}  # a severity `none` sorted below the others
NO_ROWS_OF_OURS = {"alembic_version", "ledger"}


@pytest.fixture(params=earlier.VERSIONS)
def old(request: pytest.FixtureRequest, clock: ManualClock) -> Earlier:
    return Earlier.read(request.param, clock.now())


@pytest.fixture
def empty_postgres_url(postgres_cluster: PostgresCluster) -> Iterator[str]:
    with postgres_cluster.database(template="template0") as name:
        yield postgres_cluster.url(name)


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)])
async def upgraded(
    request: pytest.FixtureRequest, old: Earlier, clock: ManualClock, tmp_path: Path
) -> AsyncIterator[Database]:
    """The earlier database with its rows, after this version's migrations."""
    if request.param == "sqlite":
        old.write(tmp_path / "notifier.db")
        database: Database = SqliteDatabase(tmp_path / "notifier.db", clock=clock)
    else:
        from notifier.store.postgres import PostgresDatabase  # noqa: PLC0415 - only where it is asked for

        url = request.getfixturevalue("empty_postgres_url")
        database = await PostgresDatabase.open(url, replica="main", clock=clock, pool_size=2)
        await database.write(lambda tx: _filled(tx, old), limit=MIGRATION)
    await database.write(lambda tx: migrate.upgrade(tx.conn), limit=MIGRATION)
    yield database
    await database.aclose()


def _filled(tx: Tx, old: Earlier) -> None:
    """The earlier version's tables with its rows, as that version would write them on this engine."""
    migrate.upgrade(tx.conn, to=old.version)
    found = sa.MetaData()
    found.reflect(tx.conn)
    for table in found.sorted_tables:
        if table.name != "alembic_version" and (rows := old.rows()[table.name]):
            tx.conn.execute(sa.insert(table), rows)


def _rows(tx: Tx, *, name: str, columns: Iterable[str]) -> list[dict[str, Any]]:
    table = sa.table(name, *(sa.column(column) for column in columns))
    return [dict(row) for row in tx.run(sa.select(table)).mappings()]


def _sorted(rows: Iterable[Mapping[str, Any]]) -> list[str]:
    return sorted(repr(sorted(row.items())) for row in rows)


async def test_every_row_is_there_and_the_books_balance(upgraded: Database, old: Earlier) -> None:
    """Incidents, counts, pending deliveries, silences, keys and runs are unchanged, and the equations balance."""
    before = old.rows()
    for name, rows in before.items():
        if rows and name not in NO_ROWS_OF_OURS:
            columns = [column for column in rows[0] if column not in COUNT_FROM_ELSEWHERE]
            found = await upgraded.read(partial(_rows, name=name, columns=columns))
            assert _sorted(found) == _sorted({column: row[column] for column in columns} for row in rows), (
                name
            )
    check = await upgraded.read(integrity.check)
    assert check.flaws == ()
    assert check.books.differences == ()
    books = check.books.exact
    assert (books.balanced, books.accepted) == (True, sum(row["count"] for row in before["incidents"]))
    assert books.by_state["pending"] == 2
    hashes = [keys.digest(secret) for secret in old.keys]
    found_keys = await upgraded.read(lambda tx: [keys.find(tx, one) for one in hashes])
    known = [(set(key.scopes), key.revoked_at is None) for key in found_keys if key is not None]
    assert known == [({"ingest", "read", "manage", "admin"}, True), ({"ingest"}, True), ({"ingest"}, False)]
