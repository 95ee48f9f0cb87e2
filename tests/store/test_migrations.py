"""The migrations produce exactly the declared schema, on both engines."""

from __future__ import annotations

from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from notifier.domain.errors import StoreError
from notifier.store import integrity, migrate, schema
from notifier.store.database import MIGRATION, Database, Tx
from notifier.store.schema import metadata

pytestmark = pytest.mark.anyio


def _indexes(connection: sa.Connection) -> set[tuple[str, str]]:
    """Every index with its definition."""
    if connection.dialect.name == "sqlite":
        query = "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL"
    else:
        query = "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'"
    rows = connection.execute(sa.text(query))
    return {(name, " ".join(text.split())) for name, text in rows if "alembic" not in name}


def _triggers(connection: sa.Connection) -> set[tuple[str, str]]:
    """Every trigger with its definition, and on PostgreSQL its function's."""
    if connection.dialect.name == "sqlite":
        query = "SELECT name, sql FROM sqlite_master WHERE type = 'trigger'"
    else:
        query = (
            "SELECT tgname, pg_get_triggerdef(t.oid) || prosrc FROM pg_trigger t JOIN pg_proc p ON p.oid = tgfoid "
            "WHERE NOT tgisinternal"
        )
    return {(name, text) for name, text in connection.execute(sa.text(query))}


async def test_migrated_and_declared_schemas_are_equal(own_database: Database) -> None:
    """Migrating an empty database leaves no difference, in partial indexes and options too."""

    def work(tx: Tx) -> tuple[object, object, object, str | None]:
        declared = _indexes(tx.conn) | _triggers(tx.conn)
        metadata.drop_all(tx.conn)
        migrate.upgrade(tx.conn)
        difference = compare_metadata(MigrationContext.configure(tx.conn), metadata)
        return declared, _indexes(tx.conn) | _triggers(tx.conn), difference, migrate.current(tx.conn)

    declared, migrated, difference, version = await own_database.write(work, limit=MIGRATION)
    assert difference == []
    assert migrated == declared
    assert version == migrate.HEAD


async def test_a_table_that_is_missing_is_named(own_database: Database) -> None:
    """A missing table, as after a partial restore, is named."""

    def work(tx: Tx) -> tuple[tuple[str, ...], tuple[str, ...]]:
        before = integrity.missing_tables(tx)
        schema.attempts.drop(tx.conn)
        schema.audit.drop(tx.conn)
        return before, integrity.missing_tables(tx)

    assert await own_database.write(work, limit=MIGRATION) == ((), ("attempts", "audit"))


async def test_head_is_the_newest_migration() -> None:
    """The constant for the latest migration, which avoids importing Alembic, is correct."""
    folder = Path(migrate.__file__).parent / "migrations" / "versions"
    assert max(path.name[:4] for path in folder.glob("[0-9]*.py")) == migrate.HEAD


async def test_a_second_upgrade_changes_nothing_and_a_newer_schema_is_refused(own_database: Database) -> None:
    """A second upgrade is a no-op, and a later version's database is refused."""

    def twice(tx: Tx) -> str:
        metadata.drop_all(tx.conn)
        migrate.upgrade(tx.conn)
        return migrate.upgrade(tx.conn)

    assert "already" in await own_database.write(twice, limit=MIGRATION)
    await own_database.write(lambda tx: tx.run(sa.text("UPDATE alembic_version SET version_num = '9999'")))
    with pytest.raises(StoreError, match="newer notifier"):
        await own_database.write(lambda tx: migrate.upgrade(tx.conn), limit=MIGRATION)


@pytest.mark.parametrize("own_database", ["sqlite"], indirect=True)
async def test_a_file_of_another_program_is_left_alone(own_database: Database) -> None:
    def replace_all(tx: Tx) -> None:
        metadata.drop_all(tx.conn)
        tx.conn.exec_driver_sql("CREATE TABLE theirs (x)")

    await own_database.write(replace_all, limit=MIGRATION)
    with pytest.raises(StoreError, match="another program"):
        await own_database.write(lambda tx: migrate.upgrade(tx.conn), limit=MIGRATION)
    tables = await own_database.read(lambda tx: sa.inspect(tx.conn).get_table_names())
    assert tables == ["theirs"]
