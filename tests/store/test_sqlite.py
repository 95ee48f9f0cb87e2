"""What only SQLite promises: one process, fsync on every commit, readers that cannot write, and honest errors."""

from __future__ import annotations

import asyncio
import os
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
import sqlalchemy as sa

from notifier.domain.errors import StoreBroken, StoreError, StoreFull, StoreUnavailable
from notifier.store.database import Tx
from notifier.store.schema import audit
from notifier.store.sqlite import SqliteDatabase
from notifier.telemetry.clock import Clock

pytestmark = pytest.mark.anyio


def _insert(tx: Tx, id_: str, detail: str = "") -> None:
    values = {
        "id": id_,
        "at": 1,
        "project": "p",
        "actor": "a",
        "key_name": "k",
        "action": "x",
        "subject": "s",
    }
    tx.run(sa.insert(audit).values(**values, detail=detail))


@pytest.fixture
async def database(sqlite_path: Path, clock: object) -> object:
    opened = SqliteDatabase(sqlite_path, clock=clock)  # type: ignore[arg-type]
    yield opened
    await opened.aclose()


async def test_a_second_process_is_refused_with_a_sentence(
    database: SqliteDatabase, sqlite_path: Path
) -> None:
    """Another process on the same file is told who has it and what to do."""
    code = (
        "import sys, pathlib\n"
        "from notifier.store.sqlite import SqliteDatabase\n"
        "from notifier.telemetry.clock import SystemClock\n"
        "SqliteDatabase(pathlib.Path(sys.argv[1]), clock=SystemClock())\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, sqlite_path], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert f"in use by another notifier (process {os.getpid()})" in done.stderr
    assert "database.url" in done.stderr


async def test_the_lock_goes_with_the_process(sqlite_path: Path, clock: object) -> None:
    """After closing, the file can be opened again at once."""
    for _ in range(2):
        opened = SqliteDatabase(sqlite_path, clock=clock)  # type: ignore[arg-type]
        await opened.aclose()


async def test_readers_cannot_write(database: SqliteDatabase) -> None:
    """A read transaction that writes fails and changes nothing."""
    with pytest.raises(StoreError):
        await database.read(lambda tx: _insert(tx, "x"))


async def test_every_commit_is_synchronous(database: SqliteDatabase) -> None:
    """The writer runs with synchronous=FULL in WAL mode: NORMAL would not fsync a commit at all."""
    pragmas = await database.write(
        lambda tx: [
            tx.conn.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("synchronous", "journal_mode", "automatic_index")
        ]
    )
    assert pragmas == [2, "wal", 0]


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")
async def test_each_commit_calls_fdatasync(sqlite_path: Path, tmp_path: Path) -> None:
    """Ten commits are ten fdatasync calls at least, as the kernel sees them."""
    code = (
        "import sys, pathlib, asyncio\n"
        "import sqlalchemy as sa\n"
        "from notifier.store.sqlite import SqliteDatabase\n"
        "from notifier.telemetry.clock import SystemClock\n"
        "async def main():\n"
        "    db = SqliteDatabase(pathlib.Path(sys.argv[1]), clock=SystemClock())\n"
        "    for n in range(10):\n"
        "        await db.write(lambda tx: tx.conn.exec_driver_sql("
        "f\"INSERT INTO ledger VALUES ('r', 'n{n}', 1)\"))\n"
        "    await db.aclose()\n"
        "asyncio.run(main())\n"
    )
    trace = tmp_path / "trace"
    traced = ["strace", "-f", "-e", "trace=fdatasync", "-o", str(trace)]
    command = [*traced, sys.executable, "-c", code, str(sqlite_path)]
    subprocess.run(command, check=True)
    assert trace.read_text().count("fdatasync(") >= 10


async def test_a_full_disk_is_said_and_the_reserve_lets_outcomes_be_written(
    database: SqliteDatabase, sqlite_path: Path
) -> None:
    """When the engine finds no room the error is StoreFull, nothing is half written, and it recovers by itself."""
    reserve = Path(f"{sqlite_path}.reserve")
    taken = reserve.stat().st_ctime_ns
    pages = await database.write(lambda tx: tx.conn.exec_driver_sql("PRAGMA page_count").scalar_one())
    await database.write(lambda tx: tx.conn.exec_driver_sql(f"PRAGMA max_page_count={pages + 4}"))
    with pytest.raises(StoreFull):
        for n in range(50):
            await database.write(partial(_insert, id_=f"id-{n}", detail="x" * 3000))
    # This disk has room in truth, so that the next idle moment takes the space anew: gone, or another file by now.
    assert not reserve.exists() or reserve.stat().st_ctime_ns > taken
    await database.write(lambda tx: tx.conn.exec_driver_sql("PRAGMA max_page_count=1000000"))
    await database.write(lambda tx: _insert(tx, "after"))
    async with asyncio.timeout(60):
        while not reserve.exists() or reserve.stat().st_ctime_ns <= taken:  # noqa: ASYNC110 - as below
            await asyncio.sleep(0.01)


async def test_a_write_that_the_kernel_refuses_ends_the_service(sqlite_path: Path) -> None:
    """An I/O error is no full disk: what the disk holds is unknown, so the process must stop and recover."""
    code = (
        "import sys, pathlib, asyncio, resource, signal\n"
        "from notifier.domain.errors import StoreBroken\n"
        "from notifier.store.sqlite import SqliteDatabase\n"
        "from notifier.telemetry.clock import SystemClock\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "async def main():\n"
        "    db = SqliteDatabase(pathlib.Path(sys.argv[1]), clock=SystemClock())\n"
        "    resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))\n"
        "    for n in range(2000):\n"
        "        text = f\"INSERT INTO ledger VALUES ('r', 'n{n}{'x' * 900}', 1)\"\n"
        "        try:\n"
        "            await db.write(lambda tx: tx.conn.exec_driver_sql(text))\n"
        "        except StoreBroken as error:\n"
        "            print('broken', error)\n"
        "            break\n"
        "asyncio.run(main())\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, sqlite_path], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.stdout.startswith("broken"), done.stderr


async def test_a_locked_database_is_unavailable_and_then_goes_on(sqlite_path: Path, clock: object) -> None:
    """Another program holding the file's lock for long is named; when it lets go, writing works again."""
    database = SqliteDatabase(sqlite_path, clock=clock)  # type: ignore[arg-type]
    intruder = sqlite3.connect(sqlite_path, isolation_level=None)
    intruder.execute("BEGIN IMMEDIATE")
    try:
        with pytest.raises(StoreUnavailable, match="locked"):
            await database.write(lambda tx: _insert(tx, "x"))
    finally:
        intruder.execute("ROLLBACK")
        intruder.close()
    await database.write(lambda tx: _insert(tx, "x"))
    await database.aclose()


async def test_checkpoints_keep_the_log_small(database: SqliteDatabase, sqlite_path: Path) -> None:
    """In idle moments what was committed moves into the file, so that the log is written anew from its beginning."""
    for n in range(3):
        before = sqlite_path.stat().st_size
        for m in range(20):
            await database.write(partial(_insert, id_=f"id-{n}-{m}", detail="x" * 10_000))
        async with asyncio.timeout(60):
            while sqlite_path.stat().st_size < before + 100_000:  # noqa: ASYNC110 - it says nothing
                await asyncio.sleep(0.01)
    assert Path(f"{sqlite_path}-wal").stat().st_size < 2_000_000


async def test_housekeeping_waits_for_everything_else(database: SqliteDatabase) -> None:
    """Work in the queue runs in order of arrival, housekeeping last."""
    order: list[str] = []
    first = asyncio.create_task(database.write(lambda _tx: time.sleep(0.05)))
    await asyncio.sleep(0)
    tasks = [
        asyncio.create_task(database.write(lambda _tx: order.append("keep"), housekeeping=True)),
        asyncio.create_task(database.write(lambda _tx: order.append("one"))),
        asyncio.create_task(database.write(lambda _tx: order.append("two"))),
    ]
    await asyncio.gather(first, *tasks)
    assert order == ["one", "two", "keep"]


async def test_housekeeping_comes_in_its_time(database: SqliteDatabase) -> None:
    """Where others keep the writer busy all the time, what is kept for lists is written nevertheless."""
    order: list[str] = []
    kept = asyncio.create_task(database.write(lambda _tx: order.append("keep"), housekeeping=True))

    async def busy() -> None:
        while not kept.done():
            await database.write(lambda _tx: time.sleep(0.02))

    await asyncio.wait_for(asyncio.gather(kept, *(busy() for _ in range(3))), 10)
    assert order == ["keep"]


async def test_a_missing_folder_is_a_sentence(tmp_path: Path, clock: object) -> None:
    """A file in a folder that does not exist says what to do."""
    with pytest.raises(StoreUnavailable, match=r"database\.url"):
        SqliteDatabase(tmp_path / "missing" / "x.db", clock=clock)  # type: ignore[arg-type]


async def test_files_that_are_another_user_s_are_not_called_locked(sqlite_path: Path, clock: object) -> None:
    """What stands in the way of a file beside the database is said to be that."""
    Path(f"{sqlite_path}-wal").mkdir()
    with pytest.raises(StoreUnavailable, match="belong to the user of the service"):
        SqliteDatabase(sqlite_path, clock=clock)  # type: ignore[arg-type]


async def _count(database: SqliteDatabase) -> int:
    query = sa.select(sa.func.count()).select_from(audit)
    return await database.read(lambda tx: tx.run(query).scalar_one())


def _remove(path: Path) -> None:
    path.unlink()


def _remove_all(path: Path) -> None:
    for part in path.parent.glob(f"{path.name}*"):
        part.unlink()


def _remove_log(path: Path) -> None:
    Path(f"{path}-wal").unlink()


def _move(path: Path) -> None:
    path.rename(f"{path}.moved")


@pytest.mark.parametrize("act", [_remove, _remove_all, _remove_log, _move])
async def test_a_file_that_is_removed_in_use_comes_back_and_nothing_is_acknowledged_meanwhile(
    sqlite_path: Path, clock: Clock, act: Callable[[Path], None]
) -> None:
    sqlite_path.chmod(0o600)
    database = SqliteDatabase(sqlite_path, clock=clock)
    for number in range(3):
        await database.write(partial(_insert, id_=f"before-{number}"))
    act(sqlite_path)
    with pytest.raises(StoreBroken, match="removed while it was in use"):
        await database.write(partial(_insert, id_="after"))
    assert database.broken.is_set()
    with pytest.raises(StoreBroken):
        await database.write(partial(_insert, id_="later"))
    await database.aclose()
    assert sqlite_path.stat().st_mode & 0o777 == 0o600
    again = SqliteDatabase(sqlite_path, clock=clock)
    assert await _count(again) >= 3
    await again.aclose()


async def test_of_a_file_that_is_replaced_in_use_both_are_there(sqlite_path: Path, clock: Clock) -> None:
    """The log of the first one must not be written into the second."""
    other = sqlite_path.with_name("other.db")
    shutil.copyfile(sqlite_path, other)
    database = SqliteDatabase(sqlite_path, clock=clock)
    await database.write(partial(_insert, id_="before"))
    other.replace(sqlite_path)
    with pytest.raises(StoreBroken, match=r"replaced while it was in use: .* is in notifier\.db\.replaced-"):
        await database.write(partial(_insert, id_="after"))
    await database.aclose()
    for path, least in ((sqlite_path, 0), (next(sqlite_path.parent.glob("*.replaced-*")), 1)):
        again = SqliteDatabase(path, clock=clock)
        assert (await _count(again) > 0) is (least > 0)
        await again.aclose()


async def test_where_what_was_removed_cannot_be_saved_that_is_said(sqlite_path: Path, clock: Clock) -> None:
    database = SqliteDatabase(sqlite_path, clock=clock)
    await database.write(partial(_insert, id_="before"))
    shutil.rmtree(sqlite_path.parent)
    with pytest.raises(StoreBroken, match=r"cannot be saved \(No such file or directory\)"):
        await database.write(partial(_insert, id_="after"))
    await database.aclose()
