"""The folder with unsent reports: the files of this process, and those of dead processes."""

from __future__ import annotations

import os
import re
import stat
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from notifier.client.dispatch.counters import Counters
from notifier.client.dispatch.journal import FileJournal, Journal, MemoryJournal
from notifier.client.options import log

MAX_SPOOL_BYTES: Final = 256 << 20
ADOPTION_INTERVAL_S: Final = 60.0
_UNSAFE = re.compile(r"[^A-Za-z0-9_.-]+")


class Spool:
    """`where` is a folder, None for one below the temporary directory, False for memory only."""

    def __init__(
        self, where: str | Path | bool | None, service: str, *, most_bytes: int = MAX_SPOOL_BYTES,
        now: Callable[[], float] = time.time,
    ) -> None:  # fmt: skip
        self._most, self._now = most_bytes, now
        self.folder = None if where is False else _folder(where, service)
        # In a shared directory a folder of that name may belong to another user.
        self._is_shared = where is None and not os.environ.get("NOTIFIER_SPOOL")
        self._look_at = 0.0

    def own(self, process: str) -> Journal:
        """The journal of this process. In memory, with one warning, if the folder cannot be used."""
        if self.folder is None:
            return MemoryJournal(Counters(), now=self._now)
        try:
            _make(self.folder, is_shared=self._is_shared)
            counters = Counters.create(self.folder / f"{process}.tally")
            return FileJournal(self.folder, process, counters, most_bytes=self._most, now=self._now)
        except (OSError, ImportError, ValueError) as error:
            log.warning("the spool cannot be used, so that reports wait in memory alone: %s", error)
            self.folder = None
            return MemoryJournal(Counters(), now=self._now)

    def orphans(self, own: str) -> list[FileJournal]:
        """The journals of dead processes, oldest first. Looked up once a minute."""
        if self.folder is None or time.monotonic() < self._look_at:
            return []
        self._look_at = time.monotonic() + ADOPTION_INTERVAL_S
        paths = sorted(self.folder.glob("*.tally"), key=_age)
        adopted = (self._adopted(path) for path in paths if path.stem != own)
        return [journal for journal in adopted if journal is not None]

    def _adopted(self, path: Path) -> FileJournal | None:
        try:
            counters = Counters(path)
            if not counters.try_lock():
                counters.close()
                return None
            return FileJournal(path.parent, path.stem, counters, most_bytes=self._most, now=self._now)
        except (OSError, ValueError) as error:
            log.warning("a dead process's reports cannot be read: %s", error)
            return None


def _folder(where: str | Path | bool | None, service: str) -> Path:
    if isinstance(where, str | Path):
        return Path(where) / (_UNSAFE.sub("_", service) or "_")
    return default_folder(service)


def default_folder(service: str) -> Path:
    """The default folder of a service's unsent reports."""
    base = os.environ.get("NOTIFIER_SPOOL")
    root = Path(base) if base else Path(tempfile.gettempdir()) / f"notifier-{_user()}"
    return root / (_UNSAFE.sub("_", service) or "_")


def _make(folder: Path, *, is_shared: bool) -> None:
    """Makes a folder for this user only, because its content is sent with this user's key."""
    if is_shared:
        folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        _check(folder.parent)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    _check(folder)


def _check(folder: Path) -> None:
    status = folder.lstat()
    if not stat.S_ISDIR(status.st_mode):
        raise OSError(f"{folder.name} is no folder")
    if status.st_uid != _user() or status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise OSError(f"{folder.name} belongs to somebody else, or others can write to it")


def _user() -> int:
    return os.getuid() if hasattr(os, "getuid") else 0


def _age(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0
