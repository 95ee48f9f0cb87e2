"""Migrates a SQLite file, and keeps a checked copy of its previous state beside it."""

from __future__ import annotations

import asyncio
import errno
import re
import threading
from dataclasses import dataclass
from pathlib import Path

from notifier.domain.errors import StoreError, StoreFull
from notifier.runtime import backup
from notifier.store import migrate
from notifier.store.database import MIGRATION
from notifier.store.sqlite import SqliteDatabase


@dataclass(frozen=True, slots=True, kw_only=True)
class UpgradedFile:
    """A completed migration as a sentence, and the copy of the previous state.

    `before` is the previous schema, None if there was none or no change. `no_copy` says why no copy was kept.
    """

    sentence: str
    before: str | None = None
    copy: Path | None = None
    no_copy: str = ""


async def upgrade_file(database: SqliteDatabase, *, without_copy: bool = False) -> UpgradedFile:
    """Copies a file of an earlier version, and migrates it. A failed migration leaves it unchanged.

    Raises `StoreFull` if there is no room for the copy, unless `without_copy` is set. Only the newest such copy is
    kept.
    """
    path = database.path
    before = await database.read(lambda tx: migrate.current(tx.conn))
    earlier = before is not None and before < migrate.HEAD
    copy, no_copy = None, ""
    if earlier:
        try:
            copy = await _make_copy(path, f"{path.name}.before-upgrade-{before}")
        except StoreFull as error:
            if not without_copy:
                raise
            no_copy = str(error)
    sentence = await database.write(lambda tx: migrate.upgrade(tx.conn), limit=MIGRATION)
    if copy is not None:
        await asyncio.to_thread(_remove_older, path, copy)
    return UpgradedFile(sentence=sentence, before=before if earlier else None, copy=copy, no_copy=no_copy)


async def _make_copy(path: Path, name: str) -> Path:
    """Makes the copy with room to spare, because the migration's log may become as large as the file."""
    copy, stop = path.with_name(name), threading.Event()
    try:
        await asyncio.to_thread(backup.write_copy, path, copy, stop, times=2)
    except asyncio.CancelledError:
        stop.set()
        raise
    except OSError as error:
        kind = StoreFull if error.errno in {errno.ENOSPC, errno.EDQUOT} else StoreError
        raise kind(f"no copy could be written beside the database ({error.strerror})") from error
    return copy


def _remove_older(path: Path, newest: Path) -> None:
    name = re.compile(re.escape(path.name) + r"\.before-upgrade-\d{4}(-\d+)?")
    for file in path.parent.iterdir():
        if name.fullmatch(file.name) and file != newest:
            file.unlink(missing_ok=True)
