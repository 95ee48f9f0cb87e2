"""Opens and migrates databases, and creates keys in them."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import sqlalchemy as sa

from notifier.domain.errors import StoreError, StoreUnavailable
from notifier.domain.key import DoorName
from notifier.runtime.configuration import load_for_database
from notifier.runtime.file_upgrade import UpgradedFile, upgrade_file
from notifier.settings.model import Settings
from notifier.store import integrity, keys, migrate
from notifier.store.database import MIGRATION, Database
from notifier.store.integrity import DatabaseCheck
from notifier.store.sqlite import SqliteDatabase
from notifier.telemetry.clock import Clock, SystemClock
from notifier.telemetry.ids import uuid7


class NeedsUpgrade(StoreError):
    """The schema is outdated, and PostgreSQL is only upgraded by `notifier db upgrade`."""


def sqlite_path(url: str) -> Path | None:
    """The file of a `sqlite:///` URL. None for PostgreSQL."""
    if not url.startswith("sqlite:"):
        return None
    return Path(sa.make_url(url).database or "notifier.db")


async def open_database(
    settings: Settings,
    *,
    clock: Clock | None = None,
    upgraded: Callable[[UpgradedFile], object] | None = None,
) -> Database:
    """Opens the database. SQLite is migrated automatically; an outdated PostgreSQL schema raises `NeedsUpgrade`.

    `upgraded` is called after a migration of a file. Without it, a file that there is no room to copy is not
    migrated.
    """
    path = sqlite_path(settings.database.url)
    if path is not None:
        _make_folder(path.parent)
        database = SqliteDatabase(path, clock=clock or SystemClock())
        try:
            done = await upgrade_file(database, without_copy=upgraded is not None)
        except StoreError:
            await database.aclose()
            raise
        if upgraded is not None and done.before is not None:
            upgraded(done)
        return database
    from notifier.store.postgres import PostgresDatabase  # noqa: PLC0415 - asyncpg is an extra

    opened = await PostgresDatabase.open(settings.database.url, replica=replica_name(), clock=clock)
    try:
        version = await opened.read(lambda tx: migrate.current(tx.conn))
    except StoreError:
        await opened.aclose()
        raise
    if version != migrate.HEAD:
        await opened.aclose()
        raise NeedsUpgrade(
            f"the database's schema is at {version or 'nothing'} and this notifier needs {migrate.HEAD}: "
            "run `notifier db upgrade` once, then start again"
        )
    return opened


def new_database(settings: Settings) -> Path | None:
    """The missing file that a start would create, for a warning. None if the database exists."""
    path = sqlite_path(settings.database.url)
    return None if path is None or path.exists() else path.resolve()


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreUnavailable(
            f"the database's folder cannot be made ({error.strerror}): "
            "set database.url to a file in a folder that this user may write"
        ) from error


def replica_name() -> str:
    """The name of this process among the replicas of one database."""
    return f"{os.uname().nodename}-{os.getpid()}"[:64]


async def upgrade_database(settings: Settings) -> str:
    path = sqlite_path(settings.database.url)
    if path is not None:
        _make_folder(path.parent)
        file = SqliteDatabase(path, clock=SystemClock())
        try:
            done = await upgrade_file(file)
        finally:
            await file.aclose()
        return (
            done.sentence
            if done.copy is None
            else f"{done.sentence}; as it was before, it is kept as {done.copy}"
        )
    from notifier.store.postgres import PostgresDatabase  # noqa: PLC0415 - asyncpg is an extra

    database = await PostgresDatabase.open(settings.database.url, replica=replica_name())
    try:
        return await database.write(lambda tx: migrate.upgrade(tx.conn), limit=MIGRATION)
    finally:
        await database.aclose()


def upgrade(path: str | None, environ: Mapping[str, str]) -> str:
    """`notifier db upgrade`. Returns a sentence that says what was done."""
    settings = load_for_database(path, environ)
    return asyncio.run(upgrade_database(settings))


def check_database(path: str | None, environ: Mapping[str, str]) -> DatabaseCheck:
    """`notifier db check`: checks the configured database, under its lock. A missing one is not created."""
    settings = load_for_database(path, environ)
    missing = new_database(settings)
    if missing is not None:
        raise StoreUnavailable("there is no database where database.url says: there is nothing to check")

    async def check() -> DatabaseCheck:
        database = await open_database(settings)
        try:
            return await database.read(integrity.check, limit=MIGRATION, snapshot=True)
        finally:
            await database.aclose()

    return asyncio.run(check())


def database_to_create(path: str | None, environ: Mapping[str, str]) -> str | None:
    """The database that a command on files would create. None if it exists."""
    path_of_new = new_database(load_for_database(path, environ))
    return None if path_of_new is None else str(path_of_new)


def create_key_offline(
    path: str | None,
    environ: Mapping[str, str],
    project: str,
    name: str,
    scopes: Sequence[str],
    door: DoorName | None,
    service: str | None,
) -> tuple[str, str | None]:
    """`notifier keys create --offline`: creates a key under the database's lock. Returns it and `server.url`."""
    settings = load_for_database(path, environ)

    async def create() -> str:
        database = await open_database(settings)
        try:
            return await new_key(
                database, project=project, name=name, scopes=scopes, door=door, service=service
            )
        finally:
            await database.aclose()

    return asyncio.run(create()), settings.server.url


async def new_key(
    database: Database,
    *,
    project: str,
    name: str,
    scopes: Sequence[str],
    door: DoorName | None = None,
    service: str | None = None,
) -> str:
    secret = keys.make_secret()
    await database.write(
        lambda tx: keys.create(
            tx,
            id_=uuid7(),
            secret=secret,
            project=project,
            name=name,
            scopes=scopes,
            door=door,
            service=service,
        )
    )
    return secret
