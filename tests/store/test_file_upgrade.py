"""The copy of a file that is made before its migration."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path

import pytest

from notifier.domain.errors import StoreFull
from notifier.runtime.file_upgrade import upgrade_file
from notifier.store import migrate
from notifier.store.sqlite import SqliteDatabase
from notifier.testing import ManualClock
from tests.disk import small_disk
from tests.earlier import Earlier

pytestmark = pytest.mark.anyio


@asynccontextmanager
async def opened(path: Path, clock: ManualClock) -> AsyncIterator[SqliteDatabase]:
    Earlier.read("0003", clock.now()).write(path)
    database = SqliteDatabase(path, clock=clock)
    yield database
    await database.aclose()


def version(path: Path) -> str:
    with closing(sqlite3.connect(path)) as file:
        return str(file.execute("SELECT version_num FROM alembic_version").fetchone()[0])


async def test_the_newest_copy_stays_and_strangers_too(tmp_path: Path, clock: ManualClock) -> None:
    """The latest copy and other programs' files are kept; a current file is not copied."""
    path = tmp_path / "notifier.db"
    names = ("before-upgrade-0001", "before-upgrade-0003", "before-upgrade-0003-2", "before-upgrade-mine")
    for name in names:
        (tmp_path / f"notifier.db.{name}").write_text("an older one")
    async with opened(path, clock) as database:
        done = await upgrade_file(database)
        again = await upgrade_file(database)
    copy = tmp_path / "notifier.db.before-upgrade-0003"
    assert (done.before, done.copy, again.before, again.copy) == ("0003", copy, None, None)
    assert (version(path), version(copy)) == (migrate.HEAD, "0003")
    left = {one.name for one in tmp_path.iterdir() if "before-upgrade" in one.name}
    assert left == {copy.name, "notifier.db.before-upgrade-mine"}


async def test_a_disk_without_room_for_a_copy(tmp_path: Path, clock: ManualClock) -> None:
    """If the disk is full, a requested copy is refused without changes.

    A service starts, and reports why there is none.
    """
    with small_disk(tmp_path / "disk") as disk:
        async with opened(disk / "notifier.db", clock) as database:
            with pytest.raises(StoreFull, match="there is no room for a copy"):
                await upgrade_file(database)
            assert version(database.path) == "0003"
            done = await upgrade_file(database, without_copy=True)
            assert version(database.path) == migrate.HEAD
        assert done.copy is None
        assert "there is no room for a copy" in done.no_copy
        assert not [one.name for one in disk.iterdir() if "before" in one.name or "copying" in one.name]
