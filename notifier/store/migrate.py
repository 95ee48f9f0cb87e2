"""The version of the schema, read without Alembic, which is only imported to upgrade an old schema."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from notifier.domain.errors import StoreError

HEAD = "0019"


def current(connection: Connection) -> str | None:
    """The version of the database's schema, or None if it is empty."""
    if not sa.inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalar()


def upgrade(connection: Connection, *, to: str = HEAD) -> str:
    """Upgrade the schema within the caller's transaction. Returns a sentence about what was done."""
    before = current(connection)
    if before == to:
        return f"the database is at version {to} already"
    _refuse_newer(before)
    if before is None:
        _refuse_foreign(connection)
    from alembic.migration import MigrationContext  # noqa: PLC0415 - takes 150 ms
    from alembic.operations import Operations  # noqa: PLC0415
    from alembic.script import ScriptDirectory  # noqa: PLC0415

    scripts = ScriptDirectory(str(Path(__file__).parent / "migrations"))
    context = MigrationContext.configure(
        connection,
        opts={"fn": lambda revision, _context: scripts._upgrade_revs(to, revision)},  # noqa: SLF001
    )
    with Operations.context(context):
        context.run_migrations()
    return f"the database went from {before or 'empty'} to version {to}"


def _refuse_newer(version: str | None) -> None:
    if version is not None and version > HEAD:
        raise StoreError(
            f"the database is at version {version}, made by a newer notifier; this one knows {HEAD}: "
            "install that version, or put back the backup that was made before its upgrade"
        )


def _refuse_foreign(connection: Connection) -> None:
    """Refuse a SQLite file with foreign tables: it belongs to another program.

    A PostgreSQL server is often shared.
    """
    if connection.dialect.name == "sqlite" and sa.inspect(connection).get_table_names():
        raise StoreError(
            "the database file holds tables and none of notifier's, so that it is another program's: "
            "set database.url to a file of notifier's own"
        )
