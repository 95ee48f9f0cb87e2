"""Counters of a process's reports, in a small memory-mapped file that survives SIGKILL."""

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
_NAMES: Final = (
    "captured", "sent", "taken", *REASONS, "segment", "offset", "written", "passed", "taken_runs",
    *(f"told_{reason}" for reason in REASONS),
)  # fmt: skip
_AT: Final = {name: 8 * (index + 1) for index, name in enumerate(_NAMES)}
_MAGIC: Final = b"NTFTLY1\0"
SIZE: Final = 4_096
BUFFER_BYTES: Final = 256 * 1_024
"""The bytes after the counters, for events that are not in the journal yet."""
_SLOTS: Final = 64
# Counters that several threads write, and the offsets of their slots.
SHARED: Final = {
    "seen": 2_048, "seen_runs": 2_560, "queue_full": 3_072, "ignored": 3_584, "sampled": 1_024, "other": 1_536,
}  # fmt: skip
_number = struct.Struct("<q")
_slots = struct.Struct(f"<{_SLOTS}q")


class Counters:
    """Named counters. Each is written by one thread, except for the shared ones, which any thread may advance.

    Without a file they are in memory only.
    """

    def __init__(self, path: Path | None = None) -> None:
        """Opens an existing file; `create` makes one."""
        self.path = path
        self._descriptor: int | None = None
        self._map: mmap.mmap | bytearray = bytearray(SIZE)
        if path is not None:
            self._descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
            self._map = self._mapped(self._descriptor)

    @classmethod
    def create(cls, path: Path) -> Counters:
        """Makes a new file. It is locked by this process before it gets its name."""
        unseen = path.with_suffix(".new")
        os.close(os.open(unseen, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        try:
            counters = cls(unseen)
            counters.lock()
            unseen.rename(path)
        except BaseException:
            unseen.unlink(missing_ok=True)
            raise
        counters.path = path
        return counters

    def _mapped(self, descriptor: int) -> mmap.mmap:
        """Fills the file before mapping it: on a full disk a write raises, but access to the map ends the process."""
        try:
            head = os.pread(descriptor, SIZE, 0)
            if len(head) < SIZE or not head.startswith(_MAGIC):
                _fill(descriptor)
            return mmap.mmap(descriptor, 0)
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

    def advance(self, name: str, number: int) -> None:
        """Advances a shared counter to `number`. Threads write to different slots, so none hides another's value."""
        _number.pack_into(self._map, SHARED[name] + 8 * (number % _SLOTS), number)

    def value_of(self, name: str) -> int:
        return int(max(_slots.unpack_from(self._map, SHARED[name])))

    @property
    def seen(self) -> int:
        return self.value_of("seen")

    @property
    def unwritten(self) -> int:
        """The number of captured reports that are neither in the journal nor counted as dropped yet."""
        runs = self.value_of("seen_runs") - self.get("taken_runs")
        return max(0, self.seen - self.get("taken")) + max(0, runs)

    def totals(self) -> tuple[int, Mapping[str, int]]:
        """The number of captured reports, and the dropped ones by reason, without zeros.

        Shared counters are read once, so that both figures agree.
        """
        shared = {reason: self.value_of(reason) for reason in REASONS if reason in SHARED}
        dropped = {reason: self.get(reason) + shared.get(reason, 0) for reason in REASONS}
        return self.get("captured") + sum(shared.values()), {why: n for why, n in dropped.items() if n}

    def mark_reported(self, dropped: Mapping[str, int]) -> None:
        """Records drops as reported, so that a process that adopts the file does not report them again."""
        for reason, n in dropped.items():
            self.set(f"told_{reason}", n)

    def mark_all_done(self) -> None:
        """Counts all reports as written, and all drops as reported."""
        self.set("taken", self.seen)
        self.set("taken_runs", self.value_of("seen_runs"))
        self.mark_reported(self.totals()[1])

    def unreported(self) -> Mapping[str, int]:
        """Drops that have not been reported to the service, by reason."""
        left = {reason: n - self.get(f"told_{reason}") for reason, n in self.totals()[1].items()}
        return {reason: n for reason, n in left.items() if n > 0}

    @property
    def buffer(self) -> mmap.mmap | None:
        """The mapped file. None if there is none, or if it holds only the counters."""
        return (
            self._map if isinstance(self._map, mmap.mmap) and len(self._map) == SIZE + BUFFER_BYTES else None
        )

    def lock(self) -> None:
        """Locks the file for this process. Raises `OSError` if another process holds the lock."""
        import fcntl  # noqa: PLC0415 - POSIX alone has it

        assert self._descriptor is not None
        fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def try_lock(self) -> bool:
        """Whether this process holds the lock now, because its owner is this process, or dead."""
        try:
            self.lock()
        except OSError:
            return False
        assert self._descriptor is not None
        # The previous owner may have removed the file since it was opened.
        return os.fstat(self._descriptor).st_nlink > 0

    def close(self, *, remove: bool = False) -> None:
        """Closes the file. Its counts stay readable."""
        if self._descriptor is None:
            return
        self._map = bytearray(self._map[:SIZE])
        if remove and self.path is not None:
            self.path.unlink(missing_ok=True)
        os.close(self._descriptor)
        self._descriptor = None

    def abandon(self) -> None:
        """Closes a parent's file in a forked child, which would otherwise keep the lock."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
        self._map = bytearray(SIZE)


def _fill(descriptor: int) -> None:
    if os.pwrite(descriptor, _MAGIC + bytes(SIZE + BUFFER_BYTES - len(_MAGIC)), 0) < SIZE + BUFFER_BYTES:
        raise OSError("the disk is full")
