"""SQLite: WAL, `synchronous=FULL`, one writer thread that also checkpoints, and read-only readers.

A single connection does all commits and checkpoints (several that do both can corrupt a WAL before 3.51.3). A lock
file beside the database refuses a second process.
"""

from __future__ import annotations

import asyncio
import math
import queue
import sqlite3
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.engine import Connection, Engine

from notifier.domain.errors import StoreBroken, StoreError, StoreFull, StoreUnavailable
from notifier.domain.time import SECOND, Duration, Instant
from notifier.store import driver
from notifier.store.database import REQUEST, Broken, SerializationConflict, Signals, Tx
from notifier.store.sqlite_files import FileLock, FilesInUse, Quota, Reserve
from notifier.telemetry.clock import Clock
from notifier.telemetry.logging import get
from notifier.telemetry.watchdog import pulse

T = TypeVar("T")

READERS = 4
STATEMENTS_KEPT = 512
"""How many prepared statements a connection caches; texts with rows exist in several sizes."""
CHECKPOINT_IDLE_S = 0.25
CHECKPOINT_AT_LEAST_S = 30.0
LOGGED_ROWS = 200_000
"""A checkpoint is made when the writer is idle, or after this many rows, or after a long time."""
RACES = 5
LOCKED_AT_MOST: Duration = 5 * SECOND
"""How long one transaction waits for a lock of another program; those queued behind it wait as well."""
LOCKED_STEP: Duration = SECOND // 2
HOUSEKEEPING_YIELDS_S = 1.0
"""How long housekeeping yields to other work; it must not starve, since lists depend on what it writes."""
STOP_S = 10.0
STUCK_S = 50.0
"""Work that runs this long beyond its limit (a checkpoint: after its start) is waiting for an unresponsive disk."""

_FULL_SENTENCE = "the disk or the database's quota is full"
_FULL = {sqlite3.SQLITE_FULL}
_BUSY = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
_CLOSED = {sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM}
_BUSY_FOR_LONG = "the database is busy or locked: is another program using the file? Try again"
_BROKEN = {sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}


def create_engine(path: Path, *, read_only: bool = False, pool_size: int = 1) -> Engine:
    """An engine whose transactions begin with `BEGIN IMMEDIATE`, since a lock upgrade fails without waiting."""
    engine = sa.create_engine(
        f"sqlite:///{path}",
        poolclass=sa.pool.QueuePool,
        pool_size=pool_size,
        max_overflow=0,
        hide_parameters=True,
        connect_args={
            "check_same_thread": False,
            "timeout": 5.0,
            "isolation_level": None,
            "cached_statements": STATEMENTS_KEPT,
        },
    )

    @event.listens_for(engine, "connect")
    def _connect(connection: sqlite3.Connection, _record: object) -> None:
        for pragma in (
            "journal_mode=WAL",
            "synchronous=FULL",
            "wal_autocheckpoint=0",
            "journal_size_limit=67108864",
            "temp_store=MEMORY",
            "foreign_keys=ON",
            # Otherwise SQLite reads a whole table to build a temporary index when looking up a thousand rows.
            "automatic_index=OFF",
            f"cache_size={-4_096 if read_only else -32_768}",
            f"query_only={'ON' if read_only else 'OFF'}",
        ):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        own: Any = connection.connection.driver_connection
        driver.run(own, "BEGIN" if read_only else "BEGIN IMMEDIATE", ())

    return engine


class SqliteDatabase:
    """An open SQLite file. `write` and `read` must be called from the event loop.

    `broken` is set if a transaction runs for `stuck_s` seconds beyond its limit while another one waits.
    """

    dialect: Any = "sqlite"

    def __init__(self, path: Path, *, clock: Clock, replica: str = "main", stuck_s: float = STUCK_S) -> None:
        self.path = path
        self.clock = clock
        self.replica = replica
        self.signals = Signals()
        self.broken = Broken()
        self._lock = FileLock(path)
        # Reports may contain personal data: only this user may read the file. The WAL inherits the mode.
        path.touch(mode=0o600)
        self._reserve = Reserve(Path(f"{path}.reserve"))
        self._read_engine = create_engine(path, read_only=True, pool_size=READERS)
        self._readers = ThreadPoolExecutor(READERS, thread_name_prefix="store-read")
        try:
            self._writer = _Writer(self, stuck_s)
        except sa.exc.DBAPIError as error:
            self._lock.close()
            raise translate(error) from error
        self._writer.start()

    def now(self) -> Instant:
        return self.clock.now()

    async def write(
        self,
        work: Callable[[Tx], T],
        *,
        housekeeping: bool = False,
        essential: bool = True,
        limit: Duration = REQUEST,
    ) -> T:
        """Run `work` in one transaction. Returns after its commit has been synced to disk.

        Work that has not begun within `limit` milliseconds is dropped; work that has begun is waited for.
        """
        job = QueuedWork(work=work, essential=essential, until=time.monotonic() + limit / 1000)
        result, topics = await self._writer.submit(job, yields_s=HOUSEKEEPING_YIELDS_S if housekeeping else 0)
        self.signals.wake_after_commit(topics)
        pulse()
        return result  # type: ignore[no-any-return]

    async def read(
        self,
        work: Callable[[Tx], T],
        *,
        limit: Duration = REQUEST,  # noqa: ARG002 - one protocol
        snapshot: bool = False,  # noqa: ARG002 - a reader's transaction always is
    ) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._readers, self._read, work)

    def _read(self, work: Callable[[Tx], T]) -> T:
        try:
            with self._read_engine.begin() as connection:
                own = connection.connection.driver_connection
                return work(Tx(connection, self.now(), "sqlite", self.replica, driver=own))
        except sa.exc.DBAPIError as error:
            raise translate(error) from error

    async def aclose(self) -> None:
        await asyncio.to_thread(self._writer.stop)
        self._readers.shutdown()
        self._read_engine.dispose()
        self._reserve.release()
        self._lock.close()


class QueuedWork:
    """A queued transaction: either the writer begins it, or its caller gives it up, never both."""

    def __init__(self, *, work: Callable[[Tx], Any], essential: bool, until: float) -> None:
        self.work = work
        self.essential = essential
        self.until = until
        self.loop = asyncio.get_running_loop()
        self.future: asyncio.Future[Any] = self.loop.create_future()
        self._taken = threading.Lock()

    def take(self) -> bool:
        """Claim the work. Returns False if it was already begun or given up."""
        return self._taken.acquire(blocking=False)

    @property
    def left(self) -> Duration:
        """The milliseconds until the caller gives up."""
        return max(0, int((self.until - time.monotonic()) * 1000))

    def settle(self, result: Any, error: BaseException | None) -> None:
        if not self.loop.is_closed():
            self.loop.call_soon_threadsafe(self._settle, result, error)

    def _settle(self, result: Any, error: BaseException | None) -> None:
        if self.future.cancelled():
            return
        if error is None:
            self.future.set_result(result)
        else:
            self.future.set_exception(error)


class _Writer(threading.Thread):
    """The writer thread: runs urgent work in order of arrival, and housekeeping after a bounded delay."""

    def __init__(self, database: SqliteDatabase, stuck_s: float) -> None:
        super().__init__(name="store-write", daemon=True)
        self._database = database
        self._stuck_s = stuck_s
        self._queue: queue.PriorityQueue[tuple[float, int, Any]] = queue.PriorityQueue()
        self._sequence = 0
        self._engine = create_engine(database.path)
        self._connection = self._engine.connect()
        driver = self._connection.connection.driver_connection
        assert isinstance(driver, sqlite3.Connection)
        self._driver = driver
        self._loop: asyncio.AbstractEventLoop | None = None
        self._checkpointed = time.monotonic()
        self._logged_before = 0
        self._dirty = False
        self._waits: Duration | None = None
        self._broken: StoreBroken | None = None
        self._files: FilesInUse | None = None
        self._quota = Quota(database.path)
        self._due: float | None = None  # When the current work should have ended.

    async def submit(self, job: QueuedWork, *, yields_s: float) -> Any:
        self._loop = job.loop
        self._sequence += 1
        self._queue.put((time.monotonic() + yields_s, self._sequence, job))
        timer = job.loop.call_at(job.loop.time() + job.left / 1000, self._give_up, job)
        try:
            return await job.future
        finally:
            timer.cancel()
            job.take()  # A cancelled caller no longer wants the work.

    def _give_up(self, job: QueuedWork) -> None:
        if not job.take():
            return
        job.settle(None, StoreUnavailable(_BUSY_FOR_LONG))
        due = self._due
        if due is not None and time.monotonic() > due + self._stuck_s:
            self._database.broken.set("the disk does not answer: a write to it does not end")

    def stop(self) -> None:
        self._queue.put((math.inf, 0, None))
        self.join(STOP_S)  # A hanging disk must not block the shutdown.

    def run(self) -> None:
        while True:
            try:
                item = self._queue.get(timeout=CHECKPOINT_IDLE_S if self._dirty else None)[2]
            except queue.Empty:
                self._checkpoint()
                continue
            if item is None:
                break
            self._serve(item)
            if self._dirty and self._log_is_long():
                self._checkpoint()
        self._checkpoint()
        self._connection.close()
        self._engine.dispose()

    def _log_is_long(self) -> bool:
        """Whether to checkpoint: by rows, by time, and always on a full disk, where the WAL takes up space."""
        spent = self._database._reserve.spent  # noqa: SLF001 - one module
        long_ago = time.monotonic() - self._checkpointed > CHECKPOINT_AT_LEAST_S
        return spent or long_ago or self._driver.total_changes - self._logged_before > LOGGED_ROWS

    def _serve(self, job: QueuedWork) -> None:
        if not job.take():
            return
        self._due = job.until
        try:
            outcome = self._transaction(job)
        except BaseException as error:  # noqa: BLE001 - the waiting side raises it
            if isinstance(error, StoreBroken):
                self._break(error)
            job.settle(None, error)
        else:
            job.settle(outcome, None)
        finally:
            self._due = None

    def _break(self, error: StoreBroken) -> None:
        """Acknowledge nothing more: after one failed write, the kernel may report later ones as successful."""
        if self._broken is not None:
            return
        self._broken = error
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._database.broken.set, str(error))

    def _transaction(self, job: QueuedWork) -> tuple[Any, set[Any]]:
        if self._broken is not None:
            raise self._broken
        if not job.essential:
            self._keep_reserve()
        database = self._database
        for attempt in range(RACES):
            tx = Tx(
                self._connection, database.now(), "sqlite", database.replica, attempt, driver=self._driver
            )
            self._wait_at_most(job.left)
            try:
                with self._connection.begin():
                    result = job.work(tx)
            except SerializationConflict:
                continue
            except sa.exc.DBAPIError as error:
                known = StoreFull(_FULL_SENTENCE) if self._over_quota(error.orig) else translate(error)
                roomy = isinstance(known, StoreFull) and job.essential and attempt + 1 < RACES
                if roomy and self._make_room():
                    continue
                raise known from error
            self._dirty = True
            self._check_files()
            return result, tx.topics
        raise StoreUnavailable("a transaction lost too many races: try again")

    def _check_files(self) -> None:
        """Raise `StoreBroken` if the files were removed or replaced, since commits would be lost."""
        if self._files is None:
            self._files = FilesInUse(self._database.path)
        elif not self._files.exist():
            self._due = None
            raise StoreBroken(self._files.save(self._driver))

    def _wait_at_most(self, wait: Duration) -> None:
        """Set the lock timeout to the caller's remaining time, rounded up so that it changes rarely."""
        wait = min(-(-wait // LOCKED_STEP) * LOCKED_STEP, LOCKED_AT_MOST)
        if wait != self._waits:
            self._driver.execute(f"PRAGMA busy_timeout={wait}").close()
            self._waits = wait

    def _keep_reserve(self) -> None:
        """Refill the reserve before work that is not essential; raise `StoreFull` if that fails."""
        reserve = self._database._reserve  # noqa: SLF001 - one module
        if reserve.spent:
            reserve.fill()
        if reserve.spent:
            raise StoreFull("the disk is full")

    def _over_quota(self, error: BaseException | None) -> bool:
        return (
            getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_IOERR_WRITE and self._quota.used_up()
        )

    def _make_room(self) -> bool:
        """Release the reserve and truncate the WAL. Returns whether that succeeded."""
        self._database._reserve.release()  # noqa: SLF001 - one module
        return self._log_moved("TRUNCATE")

    def _checkpoint(self) -> None:
        self._dirty = False
        self._due = self._checkpointed = time.monotonic()
        self._logged_before = self._driver.total_changes
        self._log_moved("PASSIVE")
        self._database._reserve.fill()  # noqa: SLF001 - one module
        self._due = None

    def _log_moved(self, mode: str) -> bool:
        # On the driver's connection: a checkpoint is impossible within a transaction, which SQLAlchemy would begin.
        try:
            self._driver.execute(f"PRAGMA wal_checkpoint({mode})").close()
        except sqlite3.Error as error:
            name = getattr(error, "sqlite_errorname", "unknown")
            get("notifier.store").error("checkpoint_failed", mode=mode, error=name)
            if getattr(error, "sqlite_errorcode", 0) & 0xFF in _BROKEN and not self._over_quota(error):
                self._break(StoreBroken(f"a checkpoint failed ({name}): restart, and check the disk"))
            return False
        return True


def translate(error: sa.exc.DBAPIError) -> StoreError:
    """The store's error for SQLite's result codes (https://www.sqlite.org/rescode.html)."""
    code = getattr(error.orig, "sqlite_errorcode", None)
    primary = None if code is None else code & 0xFF
    if primary in _FULL:
        return StoreFull(_FULL_SENTENCE)
    if primary in _BUSY:
        return StoreUnavailable("the database is locked: is another program using the file?")
    if primary in _CLOSED:
        return StoreUnavailable(
            "the database cannot be opened and written by this user: its file, those beside it and their folder must "
            "be there and belong to the user of the service; a command of another one may have left its own"
        )
    if primary in _BROKEN:
        return StoreBroken(
            f"the database file failed ({getattr(error.orig, 'sqlite_errorname', 'unknown')}): check that it is a "
            "database of notifier and that its disk is healthy, or restore a backup"
        )
    name = getattr(error.orig, "sqlite_errorname", "unknown")
    return StoreError(f"the database refused a statement ({name})")
