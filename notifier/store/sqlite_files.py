"""The files of a SQLite database: the lock, the detection of removed files, and space reserved for a full disk."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import shutil
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from notifier.domain.errors import StoreUnavailable

RESERVE_BYTES = 8 * 1024 * 1024
LOOKS = 3
BETWEEN_LOOKS_S = 0.05
NO_ROOM = {errno.ENOSPC, errno.EDQUOT}
QUOTA_MEMORY_S = 10.0


class FileLock:
    """A lock held by one process per database file until closed. The kernel releases it if the process dies."""

    def __init__(self, path: Path) -> None:
        self._path = Path(f"{path}.lock")
        try:
            self._fd = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise StoreUnavailable(
                f"the database's folder cannot be written ({error.strerror}): "
                f"create it, or set database.url to a file in a folder that this user may write"
            ) from error
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            holder = os.pread(self._fd, 32, 0).decode("ascii", "replace").strip() or "unknown"
            os.close(self._fd)
            raise StoreUnavailable(
                f"the database file {path} is in use by another notifier (process {holder}): stop that one, "
                f"use its HTTP API, or set database.url to another file; more than one replica needs PostgreSQL"
            ) from None
        os.ftruncate(self._fd, 0)
        os.pwrite(self._fd, str(os.getpid()).encode(), 0)

    def close(self) -> None:
        os.close(self._fd)


class Reserve:
    """A file whose space is released when the disk is full, so that claims and outcomes can still be written."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.spent = False
        self.fill()

    def fill(self) -> None:
        """Allocate the space if it is available. On file systems without preallocation there is no reserve."""
        if self._path.exists():
            return
        try:
            # Checked first, since a failing allocation would briefly take space that others need.
            if shutil.disk_usage(self._path.parent).free < RESERVE_BYTES:
                self.spent = True
                return
            with self._path.open("wb") as file:
                os.posix_fallocate(file.fileno(), 0, RESERVE_BYTES)
            self.spent = False
        except OSError as error:
            self._path.unlink(missing_ok=True)
            self.spent = error.errno in NO_ROOM

    def release(self) -> None:
        """Release the space."""
        self.spent = True
        self._path.unlink(missing_ok=True)


def has_room(path: Path) -> bool:
    """Whether space for the reserve is available beside a file.

    SQLite reports an exhausted quota as a failed write, like that of a broken disk (os_unix.c).
    """
    probe = Path(f"{path}.probe")
    try:
        with probe.open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, RESERVE_BYTES)
    except OSError as error:
        return error.errno not in NO_ROOM
    finally:
        with contextlib.suppress(OSError):
            probe.unlink()
    return True


class Quota:
    """The space for a file. A quota that was used up counts as such for `QUOTA_MEMORY_S` seconds more.

    A write that fails just before somebody frees space is seen only after that.
    """

    def __init__(self, path: Path, *, has_room: Callable[[Path], bool] = has_room) -> None:
        self._path = path
        self._has_room = has_room
        self._seen: float | None = None

    def used_up(self) -> bool:
        """Whether the quota is used up, or was lately."""
        now = time.monotonic()
        if not self._has_room(self._path):
            self._seen = now
        return self._seen is not None and now - self._seen < QUOTA_MEMORY_S


class FilesInUse:
    """The identity of the database file and its WAL when opened, to detect that one was removed or replaced.

    An open file remains usable after its removal, but what is written to it is lost.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._log = Path(f"{path}-wal")
        self._file_seen, self._log_seen = _identity(path), _identity(self._log)

    def exist(self) -> bool:
        """Whether both files still exist; checked three times, as some file systems are briefly inconsistent."""
        for _ in range(LOOKS):
            if self._has_file() and self._log_seen == _identity(self._log):
                return True
            time.sleep(BETWEEN_LOOKS_S)
        return False

    def _has_file(self) -> bool:
        return self._file_seen == _identity(self._path)

    def save(self, connection: sqlite3.Connection) -> str:
        """Save what the connection can still read to a file that can be found.

        Returns a sentence about the result.
        """
        try:
            if self._has_file():
                connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").close()
                return (
                    f"the log of the database ({self._log.name}) was removed while it was in use: start again"
                )
            kept = self._written(connection)
        except (OSError, sqlite3.Error) as error:
            reason = getattr(error, "strerror", None) or getattr(error, "sqlite_errorname", "unknown")
            return f"the database file was removed while it was in use, and what it held cannot be saved ({reason})"
        if kept == self._path:
            return (
                "the database file was removed while it was in use: it is there again, with all that it held"
            )
        return (
            f"the database file was replaced while it was in use: what the first one held is in {kept.name}"
        )

    def _written(self, connection: sqlite3.Connection) -> Path:
        draft = self._path.with_name(f".{self._path.name}.saving")
        draft.unlink(missing_ok=True)
        draft.touch(mode=0o600)
        with closing(sqlite3.connect(draft)) as target:
            connection.backup(target)
        is_free = not self._path.exists()
        kept = (
            self._path if is_free else self._path.with_name(f"{self._path.name}.replaced-{int(time.time())}")
        )
        # SQLite would apply the WAL of one file to another with the same name.
        if is_free or _identity(self._log) == self._log_seen:
            for part in ("-wal", "-shm"):
                Path(f"{self._path}{part}").unlink(missing_ok=True)
        return draft.rename(kept)


def _identity(path: Path) -> tuple[int, int] | None:
    """Device and inode of the file, or None if it does not exist."""
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    return status.st_dev, status.st_ino
