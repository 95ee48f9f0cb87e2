"""Counters of a process's reports, in a small mapped file that outlives a SIGKILL."""

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
ROOM: Final = 256 * 1_024
"""Bytes after the counters, for what is on its way to the journal."""
_SLOTS: Final = 64
# What any thread counts as it captures, and where its slots are.
SHARED: Final = {
    "seen": 2_048, "seen_runs": 2_560, "queue_full": 3_072, "ignored": 3_584, "sampled": 1_024, "other": 1_536,
}  # fmt: skip
_number = struct.Struct("<q")
_slots = struct.Struct(f"<{_SLOTS}q")


class Counters:
    """Counters by name, each written by one thread but for those that any thread may reach, in order of their numbers.

    Without a file they are in memory alone.
    """

    def __init__(self, path: Path | None = None) -> None:
        """Counters of a file that is there; `begin` makes one."""
        self.path = path
        self._descriptor: int | None = None
        self._map: mmap.mmap | bytearray = bytearray(SIZE)
        if path is not None:
            self._descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
            self._map = self._mapped(self._descriptor)

    @classmethod
    def begin(cls, path: Path) -> Counters:
        """A new file, which is this process's before anybody can see it under its name."""
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
        """Written before it is mapped: where the disk is full, a write says so, and a map ends the process."""
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

    def reach(self, name: str, number: int) -> None:
        """The `number`-th of these. Of threads that come at once, none hides what another has reached."""
        _number.pack_into(self._map, SHARED[name] + 8 * (number % _SLOTS), number)

    def reached(self, name: str) -> int:
        return int(max(_slots.unpack_from(self._map, SHARED[name])))

    @property
    def seen(self) -> int:
        return self.reached("seen")

    @property
    def unwritten(self) -> int:
        """How many were captured, wanted, and have not come to the journal or to be counted."""
        runs = self.reached("seen_runs") - self.get("taken_runs")
        return max(0, self.seen - self.get("taken")) + max(0, runs)

    def books(self) -> tuple[int, Mapping[str, int]]:
        """How many were captured, and what of them was dropped: by reason, without zeros.

        What any thread counts is read once, so that both have the same of it.
        """
        shared = {reason: self.reached(reason) for reason in REASONS if reason in SHARED}
        dropped = {reason: self.get(reason) + shared.get(reason, 0) for reason in REASONS}
        return self.get("captured") + sum(shared.values()), {why: n for why, n in dropped.items() if n}

    def tell(self, dropped: Mapping[str, int]) -> None:
        """The service has been told of these, so that no heir tells of them again."""
        for reason, n in dropped.items():
            self.set(f"told_{reason}", n)

    def settle(self) -> None:
        """All reports count as written, and all drops as told."""
        self.set("taken", self.seen)
        self.set("taken_runs", self.reached("seen_runs"))
        self.tell(self.books()[1])

    def untold(self) -> Mapping[str, int]:
        """Drops that the service has not been told of, by reason."""
        left = {reason: n - self.get(f"told_{reason}") for reason, n in self.books()[1].items()}
        return {reason: n for reason, n in left.items() if n > 0}

    @property
    def room(self) -> mmap.mmap | None:
        """The file as it is mapped, where there is one that has more than the counters."""
        return self._map if isinstance(self._map, mmap.mmap) and len(self._map) == SIZE + ROOM else None

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
        self._map = bytearray(self._map[:SIZE])
        if remove and self.path is not None:
            self.path.unlink(missing_ok=True)
        os.close(self._descriptor)
        self._descriptor = None

    def abandon(self) -> None:
        """In a forked child: the file is its parent's, and the child must not keep its lock alive."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
        self._map = bytearray(SIZE)


def _fill(descriptor: int) -> None:
    if os.pwrite(descriptor, _MAGIC + bytes(SIZE + ROOM - len(_MAGIC)), 0) < SIZE + ROOM:
        raise OSError("the disk is full")
