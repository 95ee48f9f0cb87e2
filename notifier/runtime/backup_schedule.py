"""Scheduled backups: one at a time in all replicas, without delaying other work."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from notifier.domain.errors import StoreError
from notifier.domain.time import SECOND, Instant, rfc3339
from notifier.policy import backups as policy
from notifier.runtime import backup, pg_dump
from notifier.runtime.database import sqlite_path
from notifier.settings.model import Settings
from notifier.settings.sections import BackupSettings
from notifier.store import backups
from notifier.store.backups import BackupState
from notifier.store.database import HOUSEKEEPING, Database
from notifier.telemetry.logging import get
from notifier.telemetry.metrics import Metrics

CHECK_INTERVAL_S = 5.0
LEAST_S = 0.1

log = get("notifier.runtime")


@dataclass(frozen=True, slots=True, kw_only=True)
class _FinishedBackup:
    """A finished backup."""

    file: str
    bytes: int
    kept: int


@dataclass(slots=True, kw_only=True)
class _RunningBackup:
    """A backup in progress, under a lease."""

    wanted: BackupSettings
    begun_at: Instant
    started: float = field(default_factory=time.monotonic)
    lease: Instant
    stop: threading.Event
    task: asyncio.Task[_FinishedBackup]


class BackupSchedule:
    """Checks every few seconds whether a backup is due. Makes it, extends its lease, and records the result."""

    def __init__(self, database: Database, settings: Callable[[], Settings], metrics: Metrics) -> None:
        self._database = database
        self._settings = settings
        self._metrics = metrics
        self._running: _RunningBackup | None = None

    async def step(self) -> None:
        """One check. It returns while a backup is in progress, because a loop must keep moving."""
        if self._running is not None:
            await asyncio.wait([self._running.task], timeout=CHECK_INTERVAL_S)
            await self._extend_lease(self._running)
            return
        settings = self._settings().backup
        self._show(settings, await self._database.read(backups.state))
        pause = CHECK_INTERVAL_S
        if settings is not None:
            next_at = await self._database.read(lambda tx: backups.next_at(tx, settings.every))
            pause = min(CHECK_INTERVAL_S, (next_at - self._database.now()) / SECOND)
            if pause <= 0:
                await self._begin(settings)
        await asyncio.sleep(max(pause, LEAST_S))

    async def aclose(self) -> None:
        """Cancels a backup in progress and removes its files."""
        running, self._running = self._running, None
        if running is not None:
            running.stop.set()
            running.task.cancel()
            with suppress(asyncio.CancelledError, Exception):
                await running.task
            with suppress(StoreError):
                await self._database.write(lambda tx: backups.give_back(tx, running.lease))

    async def _begin(self, settings: BackupSettings) -> None:
        begin = partial(backups.begin, every=settings.every)
        lease = await self._database.write(begin, housekeeping=True, limit=HOUSEKEEPING)
        if lease is None:
            return
        now, stop = self._database.now(), threading.Event()
        task = asyncio.create_task(_make(self._settings(), settings, now, stop), name="backup")
        self._running = _RunningBackup(wanted=settings, begun_at=now, lease=lease, stop=stop, task=task)

    async def _extend_lease(self, running: _RunningBackup) -> None:
        if running.task.done():
            self._running = None
            await self._settle(running)
            return
        lease = await self._database.write(
            lambda tx: backups.renew(tx, running.lease), housekeeping=True, limit=HOUSEKEEPING
        )
        if lease is None:  # this process was stopped for so long that another took over
            self._running = None
            running.stop.set()
            running.task.cancel()
        else:
            running.lease = lease

    async def _settle(self, running: _RunningBackup) -> None:
        try:
            backup = await running.task
        except Exception as error:  # noqa: BLE001 - any failure is recorded and retried
            await self._failed(running, failure_reason(error))
            return
        seconds = time.monotonic() - running.started
        log.info(
            "backup_made", file=backup.file, bytes=backup.bytes, kept=backup.kept, seconds=round(seconds, 1)
        )
        self._metrics.backups.labels("made").inc()
        await self._database.write(
            lambda tx: backups.succeeded(
                tx,
                running.lease,
                begun_at=running.begun_at,
                bytes_=backup.bytes,
                file=backup.file,
                kept=backup.kept,
            ),
            housekeeping=True,
            limit=HOUSEKEEPING,
        )

    async def _failed(self, running: _RunningBackup, why: str) -> None:
        retry_at = policy.retry_at(self._database.now(), running.wanted.every)
        log.error("backup_failed", why=why, again_at=rfc3339(retry_at))
        self._metrics.backups.labels("failed").inc()
        await self._database.write(
            lambda tx: backups.failed(tx, running.lease, why=why, retry_at=retry_at),
            housekeeping=True,
            limit=HOUSEKEEPING,
        )

    def _show(self, settings: BackupSettings | None, state: BackupState | None) -> None:
        every = 0 if settings is None else settings.every
        age = 0 if settings is None or state is None else self._database.now() - state.fresh_at
        self._metrics.backup_every.set(every / SECOND)
        self._metrics.backup_age.set(age / SECOND)
        self._metrics.backup_bytes.set(0 if state is None else state.bytes)


async def _make(
    settings: Settings, wanted: BackupSettings, at: Instant, stop: threading.Event
) -> _FinishedBackup:
    """Makes one backup in the folder, and removes those beyond the limit."""
    source, folder = sqlite_path(settings.database.url), Path(wanted.to)
    path = folder / policy.file_name(at, "dump" if source is None else "db")
    await asyncio.to_thread(_prepare, folder)
    if source is None:
        with backup.draft_file(path) as draft:
            await pg_dump.write(settings.database.url, draft)
    else:
        await asyncio.to_thread(backup.write_copy, source, path, stop)
    count = await asyncio.to_thread(_remove_surplus, folder, wanted.keep, path.name)
    return _FinishedBackup(file=path.name, bytes=path.stat().st_size, kept=count)


def _prepare(folder: Path) -> None:
    """The folder, without files left by a killed process."""
    if folder.is_symlink() and not folder.exists():
        raise StoreError("backup.to is a link to a folder that is not there: is its disk mounted?")
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for name in policy.abandoned(path.name for path in folder.iterdir()):
        (folder / name).unlink(missing_ok=True)


def _remove_surplus(folder: Path, keep: int, newest: str) -> int:
    names = [path.name for path in folder.iterdir()]
    surplus = policy.surplus(names, keep, newest=newest)
    for name in surplus:
        (folder / name).unlink(missing_ok=True)
    return policy.count_backups(names) - len(surplus)


def failure_reason(error: Exception) -> str:
    """The reason of a failed backup, without paths."""
    if isinstance(error, StoreError):
        return str(error)
    if isinstance(error, FileExistsError | NotADirectoryError):
        return "backup.to is a file: name a folder"
    if isinstance(error, OSError):
        return f"the folder of backup.to cannot be written ({error.strerror or type(error).__name__})"
    return f"it failed ({type(error).__name__})"
