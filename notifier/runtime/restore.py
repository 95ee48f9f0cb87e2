"""`notifier restore`: replaces the database by a backup, with a hold, so that nobody is notified again.

The hold covers what was sent after the backup was made.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa

from notifier.domain.errors import StoreError, StoreFull
from notifier.domain.time import rfc3339
from notifier.runtime import backup as backups
from notifier.runtime.configuration import load_for_database
from notifier.runtime.database import sqlite_path
from notifier.store import hold, integrity, migrate, restored
from notifier.store.database import MIGRATION, Tx
from notifier.store.integrity import DatabaseCheck
from notifier.store.schema import incidents
from notifier.store.sqlite import SqliteDatabase
from notifier.store.sqlite_files import FileLock
from notifier.telemetry.clock import SystemClock

BY = "notifier restore"


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldAfterRestore:
    """The number of a channel's deliveries that a release would send, by the name of their route."""

    channel: str
    route: str | None
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RestoredDatabase:
    """The restored database, and the path of the one it replaced (`aside`).

    `newest` is the time of the backup's latest event, in RFC 3339.
    """

    path: str
    aside: str | None
    incidents: int
    newest: str | None
    waiting: tuple[HeldAfterRestore, ...]
    check: DatabaseCheck


def restore(
    config: str | None, environ: Mapping[str, str], backup: Path, *, replace: bool
) -> RestoredDatabase:
    """Checks a backup and puts it in place of the configured database. A kill in between leaves the old one.

    Raises `StoreError` if the backup is corrupt or no database of notifier, if a service is running, or if there is a
    database and `replace` is false.
    """
    settings = load_for_database(config, environ)
    path = sqlite_path(settings.database.url)
    if path is None:
        raise StoreError(
            "the configuration's database is PostgreSQL: restore it with pg_restore into an empty database, and start "
            "with `notifier serve --hold`"
        )
    if not backup.is_file():
        raise StoreError("there is no such backup: name a file that `notifier backup` has written")
    routes = {route.key: route.name for route in settings.route.walk()}
    path = path.resolve()
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(path)
    draft = path.with_name(f".{path.name}.restoring")
    try:
        if path.exists() and not replace:
            raise StoreError(
                "there is a database already: say --replace to put the backup in its place; it is kept beside it"
            )
        backups.remove(draft)
        _copy(backup, draft, beyond=_last_number(path) if path.exists() else 0)
        (count, newest), waiting, check = asyncio.run(_prepare_draft(draft, routes))
        aside = _keep_aside(path) if path.exists() else None
        backups.publish(draft, path)
        return RestoredDatabase(
            path=str(path), aside=aside, incidents=count, newest=newest, waiting=waiting, check=check
        )
    finally:
        backups.remove(draft)
        lock.close()


def _last_number(path: Path) -> int:
    """The highest number of an incident in the replaced database. 0 if it cannot be read."""
    try:
        with closing(sqlite3.connect(path)) as old:
            return restored.last_number(old)
    except sqlite3.DatabaseError:
        return 0


def _copy(backup: Path, draft: Path, *, beyond: int) -> None:
    """Copies through SQLite, which rejects other files and reads a write-ahead log beside the file.

    Without a log the file is opened as immutable, because SQLite would otherwise write beside it, in a folder that
    may belong to another user.
    """
    has_log = Path(f"{backup}-wal").exists()
    uri = f"{backup.resolve().as_uri()}?mode=ro{'' if has_log else '&immutable=1'}"
    try:
        with (
            closing(sqlite3.connect(uri, uri=True)) as source,
            closing(sqlite3.connect(draft)) as target,
        ):
            draft.chmod(0o600)
            tables = source.execute(
                "SELECT count(*) FROM sqlite_master WHERE name = 'alembic_version'"
            ).fetchone()
            if not tables[0]:
                raise StoreError(
                    "the file is no database of notifier: name one that `notifier backup` has written"
                )
            source.backup(target, pages=4_096)
            findings = [row[0] for row in target.execute("PRAGMA integrity_check(3)")]
            if findings != ["ok"]:
                raise StoreError(
                    "the backup is damaged: SQLite finds that its pages do not fit; take an older one"
                )
            restored.mark(target, beyond=beyond)
    except sqlite3.DatabaseError as error:
        name = getattr(error, "sqlite_errorname", "unknown")
        if name.startswith(("SQLITE_CANTOPEN", "SQLITE_READONLY", "SQLITE_PERM")):
            raise StoreError(
                f"this user may not open the backup ({name}): let it read the file, and where a log (-wal) lies "
                "beside it, write that folder"
            ) from error
        if name == "SQLITE_FULL":
            raise StoreFull("there is no room for the backup on the database's disk: make some") from error
        raise StoreError(f"the backup cannot be read as a database ({name}): take another copy") from error


async def _prepare_draft(
    draft: Path, routes: Mapping[str, str]
) -> tuple[tuple[int, str | None], tuple[HeldAfterRestore, ...], DatabaseCheck]:
    """Migrates the draft to this version's schema, sets the hold, and checks it."""
    database = SqliteDatabase(draft, clock=SystemClock())
    try:
        await database.write(lambda tx: migrate.upgrade(tx.conn), limit=MIGRATION)
        await database.write(lambda tx: hold.begin(tx, by=BY))
        return await database.read(lambda tx: (_newest(tx), _waiting(tx, routes), integrity.check(tx)))
    finally:
        await database.aclose()


def _newest(tx: Tx) -> tuple[int, str | None]:
    newest = sa.func.max(incidents.c.last_seen).label("newest")
    row = tx.run(sa.select(sa.func.count().label("n"), newest).select_from(incidents)).one()
    return int(row.n), None if row.newest is None else rfc3339(row.newest)


def _waiting(tx: Tx, routes: Mapping[str, str]) -> tuple[HeldAfterRestore, ...]:
    return tuple(
        HeldAfterRestore(
            channel=row.channel, route=None if row.route is None else routes.get(row.route), count=row.count
        )
        for row in hold.waiting(tx)
    )


def _keep_aside(path: Path) -> str:
    """Keeps the old database under another name too, after merging its log into it. Returns that name."""
    with closing(sqlite3.connect(path)) as old:
        old.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    for number in range(1, 1_000):
        aside = path.with_name(f"{path.name}.before-restore-{number}")
        try:
            os.link(path, aside)
        except FileExistsError:
            continue
        for part in ("-wal", "-shm"):
            Path(f"{path}{part}").unlink(missing_ok=True)
        return str(aside)
    raise StoreError("there are too many databases that were kept at earlier restores: remove some")
