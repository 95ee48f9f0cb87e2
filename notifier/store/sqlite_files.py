"""The files beside a SQLite database: the lock of its one process, and the space that is kept for a full disk."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import shutil
from pathlib import Path

from notifier.domain.errors import StoreUnavailable

RESERVE_BYTES = 8 * 1024 * 1024
NO_ROOM = {errno.ENOSPC, errno.EDQUOT}


class FileLock:
    """One process per database file. Held until closed; the kernel lets go of it when the process dies."""

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
    """A file that is given back to the disk when it is full, so that claims and outcomes can still be written."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.spent = False
        self.fill()

    def fill(self) -> None:
        """Take the space, where there is so much; a file system that knows no reserving does without."""
        if self._path.exists():
            return
        # Asked first, for trying takes what others need meanwhile.
        if shutil.disk_usage(self._path.parent).free < RESERVE_BYTES:
            self.spent = True
            return
        try:
            with self._path.open("wb") as file:
                os.posix_fallocate(file.fileno(), 0, RESERVE_BYTES)
            self.spent = False
        except OSError as error:
            self._path.unlink(missing_ok=True)
            self.spent = error.errno in NO_ROOM

    def release(self) -> None:
        """Give the space back."""
        self.spent = True
        self._path.unlink(missing_ok=True)


def has_room(path: Path) -> bool:
    """Whether as much as the reserve can be had beside a file.

    Of a quota that is used up SQLite says only that a write has failed, as of a disk that is broken (os_unix.c).
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
