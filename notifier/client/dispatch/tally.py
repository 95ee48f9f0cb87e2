"""What became of a process's reports, in a small mapped file: it outlives a SIGKILL."""

from __future__ import annotations

import mmap
import os
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Final

REASONS: Final = (
    "ignored", "sampled", "before_send", "before_send_failed", "queue_full", "spool_full", "expired", "rejected",
    "too_large", "unauthorised", "corrupt", "killed", "unreadable", "closed", "other",
)  # fmt: skip
_NAMES: Final = ("captured", "sent", "taken", *REASONS, "segment", "offset", "written", "passed")
_AT: Final = {name: 8 * (index + 1) for index, name in enumerate(_NAMES)}
_MAGIC: Final = b"NTFTLY1\0"
_SIZE: Final = 4_096
_SLOTS: Final = 64
_SEEN_AT: Final = 2_048
_number = struct.Struct("<q")
_slots = struct.Struct(f"<{_SLOTS}q")


class Tally:
    """Counters by name, each written by one thread. Without a file they are in memory alone."""

    def __init__(self, path: Path | None = None) -> None:
        """Those of a file that is there; `begin` makes one."""
        self.path = path
        self._descriptor: int | None = None
        self._map: mmap.mmap | bytearray = bytearray(_SIZE)
        if path is not None:
            self._descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
            self._map = self._mapped(self._descriptor)

    @classmethod
    def begin(cls, path: Path) -> Tally:
        """A new file, which is this process's before anybody can see it under its name."""
        unseen = path.with_suffix(".new")
        os.close(os.open(unseen, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        try:
            tally = cls(unseen)
            tally.lock()
            unseen.rename(path)
        except BaseException:
            unseen.unlink(missing_ok=True)
            raise
        tally.path = path
        return tally

    def _mapped(self, descriptor: int) -> mmap.mmap:
        """Written before it is mapped: where the disk is full, a write says so, and a map ends the process."""
        try:
            found = os.pread(descriptor, _SIZE, 0)
            if len(found) < _SIZE or not found.startswith(_MAGIC):
                _fill(descriptor)
            return mmap.mmap(descriptor, _SIZE)
        except BaseException:
            os.close(descriptor)
            raise

    def get(self, name: str) -> int:
        return int(_number.unpack_from(self._map, _AT[name])[0])

    def set(self, name: str, value: int) -> None:
        _number.pack_into(self._map, _AT[name], value)

    def add(self, name: str, n: int = 1) -> None:
        name = name if name in _AT else "other"
        self.set(name, self.get(name) + n)

    def see(self, number: int) -> None:
        """The `number`-th report was captured. Of threads that come at once, none hides what another has seen."""
        _number.pack_into(self._map, _SEEN_AT + 8 * (number % _SLOTS), number)

    @property
    def seen(self) -> int:
        return int(max(_slots.unpack_from(self._map, _SEEN_AT)))

    def dropped(self) -> Mapping[str, int]:
        """By reason, without zeros."""
        return {reason: n for reason in REASONS if (n := self.get(reason))}

    def lock(self) -> None:
        """Have the file to itself from now on. `OSError` where somebody else has it."""
        import fcntl  # noqa: PLC0415 - POSIX alone has it

        assert self._descriptor is not None
        fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def try_lock(self) -> bool:
        """Whether this process has the file to itself from now on: its owner is this one, or dead."""
        try:
            self.lock()
        except OSError:
            return False
        assert self._descriptor is not None
        # Whoever had it before may have removed it since it was opened.
        return os.fstat(self._descriptor).st_nlink > 0

    def close(self, *, remove: bool = False) -> None:
        """Give the file up; its counts stay readable here."""
        if self._descriptor is None:
            return
        self._map = bytearray(self._map)
        if remove and self.path is not None:
            self.path.unlink(missing_ok=True)
        os.close(self._descriptor)
        self._descriptor = None

    def abandon(self) -> None:
        """In a forked child: the file is its parent's, and the child must not keep its lock alive."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
        self._map = bytearray(_SIZE)


def _fill(descriptor: int) -> None:
    if os.pwrite(descriptor, _MAGIC + bytes(_SIZE - len(_MAGIC)), 0) < _SIZE:
        raise OSError("the disk is full")
