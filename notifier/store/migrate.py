"""The schema's version: read it without Alembic, which is imported only where the schema is behind."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from notifier.domain.errors import StoreError

HEAD = "0019"


def current(connection: Connection) -> str | None:
    """The version that the database has; None: it is empty."""
    if not sa.inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalar()


def upgrade(connection: Connection, *, to: str = HEAD) -> str:
    """Bring the schema to this version inside the caller's transaction; what was done, in a sentence."""
    before = current(connection)
    if before == to:
        return f"the database is at version {to} already"
    _refuse_newer(before)
    if before is None:
        _refuse_foreign(connection)
    from alembic.migration import MigrationContext  # noqa: PLC0415 - 150 ms that a start does not need
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
    """A file with tables belongs to another program, whose path was mistaken for ours; a server is often shared."""
    if connection.dialect.name == "sqlite" and sa.inspect(connection).get_table_names():
        raise StoreError(
            "the database file holds tables and none of notifier's, so that it is another program's: "
            "set database.url to a file of notifier's own"
        )
