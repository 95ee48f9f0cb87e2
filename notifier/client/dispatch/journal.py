"""Records that wait to be sent, in order: checksummed frames in one process's files, or in memory without a disk.

A frame is a header and a compressed body of JSON records of one kind, one per line. A file is deleted once all of it
is sent; the read position is in the counters. Damaged frames are skipped.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Protocol

from notifier.client.dispatch.counters import Counters
from notifier.client.dispatch.crash_buffer import recovered
from notifier.client.dispatch.frames import (
    MAGIC,
    JournalFrame,
    RecordBatch,
    RecordKind,
    batch_of,
    frame_of,
    parsed,
)
from notifier.client.options import log
from notifier.client.transport import Document

SEGMENT_BYTES: Final = 1 << 20
MEMORY_BYTES: Final = 16 << 20
USAGE_CHECK_S: Final = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Leftovers:
    """Leftovers of a dead process: events that it had not written, and drops that it had not reported, by reason."""

    events: Sequence[Document]
    dropped: Mapping[str, int]


class Journal(Protocol):
    """A thread-safe queue of frames."""

    counters: Counters

    @property
    def waiting(self) -> int:
        """The number of records in the journal."""
        ...

    def append(self, kind: RecordKind, records: Sequence[bytes], mark: int) -> bool:
        """Appends records. Returns False if it is full or the disk refuses. `mark` counts the events taken so far."""
        ...

    def peek(self, most: int, most_bytes: int) -> RecordBatch | None:
        """The first records of one kind, at most `most` but at least one frame. None if the journal is empty."""
        ...

    def advance(self, batch: RecordBatch) -> None:
        """Removes the records of a batch."""
        ...

    def discard_unreadable(self) -> int:
        """Discards the records that can no longer be read, and returns their number."""
        ...

    def close(self) -> None: ...


class MemoryJournal:
    """A journal without a writable folder: bounded, and lost with the process."""

    def __init__(
        self, counters: Counters, *, most_bytes: int = MEMORY_BYTES, now: Callable[[], float] = time.time
    ) -> None:
        self.counters = counters
        self._frames: deque[JournalFrame] = deque()
        self._bytes = 0
        self._waiting = 0
        self._most = most_bytes
        self._now = now
        self._lock = threading.Lock()

    @property
    def waiting(self) -> int:
        return self._waiting

    def append(self, kind: RecordKind, records: Sequence[bytes], mark: int) -> bool:
        frame = frame_of(kind, records, self._now(), mark)
        with self._lock:
            if self._bytes + len(frame.body) > self._most:
                return False
            self._frames.append(frame)
            self._bytes += len(frame.body)
            self._waiting += frame.count
        return True

    def peek(self, most: int, most_bytes: int) -> RecordBatch | None:
        with self._lock:
            return batch_of(list(self._frames)[:most], most, most_bytes)

    def advance(self, batch: RecordBatch) -> None:
        with self._lock:
            for _ in range(batch.frames):
                frame = self._frames.popleft()
                self._bytes -= len(frame.body)
                self._waiting -= frame.count

    def discard_unreadable(self) -> int:
        """Always 0: records in memory can be read."""
        return 0

    def close(self) -> None:
        """Does nothing."""


class FileJournal:
    """Files `NAME.NUMBER.log` beside `NAME.tally`. `most_bytes` limits the logs of all processes in the folder."""

    def __init__(
        self,
        folder: Path,
        name: str,
        counters: Counters,
        *,
        most_bytes: int,
        now: Callable[[], float] = time.time,
    ) -> None:
        self.counters = counters
        self._folder, self._name = folder, name
        self._most, self._now = most_bytes, now
        self._lock = threading.Lock()
        self._closed = False
        self._writing: int | None = None
        self._others = 0
        self._looked_at = float("-inf")
        self._sizes = {number: self._path(number).stat().st_size for number in self._numbers()}
        self._last = max(self._sizes, default=0)
        first = min(self._sizes, default=1)
        at = (counters.get("segment"), counters.get("offset"))
        # A missing file has been sent completely.
        self._at = at if at[0] >= first else (first, 0)
        self._ahead: deque[JournalFrame] = deque()
        self._kept: deque[JournalFrame] = deque()
        self._kept_bytes = 0
        self._disk_works = True
        self._read_to = self._at
        self.mark = 0
        self._waiting = self._count()
        # The records that were written and are no longer intact.
        self.damaged = max(0, counters.get("written") - counters.get("passed") - self._waiting)

    @property
    def waiting(self) -> int:
        return self._waiting

    def append(self, kind: RecordKind, records: Sequence[bytes], mark: int) -> bool:
        frame = frame_of(kind, records, self._now(), mark)
        data = frame.data
        with self._lock:
            if self._closed or not self._fits(len(data)):
                return False
            try:
                self._write_kept()
                self._write(data)
                self._disk_works = True
            except OSError as error:
                if not self._keep(frame, error):
                    return False
            self.counters.add("written", len(records))
            self._waiting += len(records)
        return True

    def peek(self, most: int, most_bytes: int) -> RecordBatch | None:
        with self._lock:
            while sum(frame.count for frame in self._ahead) < most and self._load_next():
                pass
            return batch_of(list(self._ahead), most, most_bytes)

    def advance(self, batch: RecordBatch) -> None:
        with self._lock:
            frames = [self._ahead.popleft() for _ in range(batch.frames)]
            count = sum(frame.count for frame in frames)
            self._waiting -= count
            self._at = frames[-1].end
            self.counters.add("passed", count)
            self._save_position()
            self._delete_sent()

    def discard_unreadable(self) -> int:
        with self._lock:
            if not self._waiting or self._ahead or self._load_next():
                return 0
            discard_unreadable, self._waiting = self._waiting, 0
            self.counters.add("passed", discard_unreadable)
            return discard_unreadable

    def leftovers(self) -> Leftovers:
        """The leftovers of the previous owner, after the journal has been adopted."""
        # The journal may be one write ahead of the counters.
        self.counters.set("taken", max(self.counters.get("taken"), self.mark))
        events = recovered(self.counters, self.counters.get("taken"))
        dropped = Counter(self.counters.unreported())
        dropped.update(killed=max(0, self.counters.unwritten - len(events)), corrupt=self.damaged)
        return Leftovers(events=events, dropped=+dropped)

    def mark_adopted(self) -> None:
        """Marks the leftovers as adopted, so that they are not counted again."""
        self.counters.mark_all_done()
        self.counters.add("passed", self.damaged)

    def close(self) -> None:
        """Closes the files. They are kept if records wait in them, or if drops have not been reported."""
        with self._lock:
            self._closed = True
            with contextlib.suppress(OSError):
                self._write_kept()
            if self._writing is not None:
                os.close(self._writing)
                self._writing = None
            if not self._waiting:
                for number in list(self._sizes):
                    self._delete(number)
        self.counters.close(remove=not self._waiting and not self.counters.unreported())

    def abandon(self) -> None:
        """Closes a parent's files in a forked child, which would otherwise keep their lock."""
        self.counters.abandon()

    def _path(self, number: int) -> Path:
        return self._folder / f"{self._name}.{number:08d}.log"

    def _numbers(self) -> list[int]:
        return sorted(int(path.name.split(".")[-2]) for path in self._folder.glob(f"{self._name}.*.log"))

    def _write(self, data: bytes) -> None:
        """Writes one frame in one write, so that a killed process leaves a whole frame or a torn last one."""
        if self._writing is None or self._sizes.get(self._last, 0) >= SEGMENT_BYTES:
            self._begin_segment()
        assert self._writing is not None
        start = self._sizes[self._last]
        try:
            written = os.write(self._writing, data)
        except OSError:
            os.ftruncate(self._writing, start)
            raise
        if written < len(data):
            os.ftruncate(self._writing, start)
            raise OSError("the disk took a part of it")
        self._sizes[self._last] += written

    def _keep(self, frame: JournalFrame, error: OSError) -> bool:
        """Keeps what the disk does not take; False: that is too much by now. A kill loses it, counted."""
        if self._disk_works:
            self._disk_works = False
            log.warning("the spool cannot be written, so that reports wait in memory meanwhile: %s", error)
        if self._kept_bytes + len(frame.body) > MEMORY_BYTES:
            return False
        self._kept.append(frame)
        self._kept_bytes += len(frame.body)
        return True

    def _write_kept(self) -> None:
        """Writes the frames kept in memory, oldest first."""
        while self._kept:
            self._write(self._kept[0].data)
            self._next_kept()

    def _next_kept(self) -> JournalFrame:
        frame = self._kept.popleft()
        self._kept_bytes -= len(frame.body)
        return frame

    def _begin_segment(self) -> None:
        if self._writing is not None:
            os.close(self._writing)
            self._writing = None
        number = self._last + 1
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC
        self._writing = os.open(self._path(number), flags, 0o600)
        self._last = number
        self._sizes[number] = 0

    def _fits(self, more: int) -> bool:
        """Whether there is room. The size of other processes' files is looked up once a second."""
        if time.monotonic() - self._looked_at >= USAGE_CHECK_S:
            self._looked_at = time.monotonic()
            self._others = self._used_by_others()
        return sum(self._sizes.values()) + self._others + more <= self._most

    def _used_by_others(self) -> int:
        used = 0
        for path in self._folder.glob("*.log"):
            if not path.name.startswith(f"{self._name}."):
                with contextlib.suppress(OSError):
                    used += path.stat().st_size
        return used

    def _load_next(self) -> bool:
        """Loads the next frames into memory. Returns False if there are none."""
        number, offset = self._read_to
        while True:
            size = self._sizes.get(number, 0)
            if offset < size:
                frames = self._load(number, offset)
                self._ahead.extend(frames)
                self._read_to = (number, size)
                if frames:
                    return True
            following = [later for later in self._sizes if later > number]
            if not following:
                if self._kept:
                    self._ahead.append(replace(self._next_kept(), end=self._read_to))
                    return True
                return False
            number, offset = self._read_to = (min(following), 0)

    def _load(self, number: int, offset: int) -> list[JournalFrame]:
        """The intact frames of a file from an offset. Torn or damaged ones are skipped."""
        try:
            data = self._data(number, offset, self._sizes[number] - offset)
        except OSError:
            return []
        frames: list[JournalFrame] = []
        start = data.find(MAGIC)
        while start >= 0:
            frame = parsed(data, start, number, offset)
            if frame is not None:
                frames.append(frame)
            start = data.find(MAGIC, start + 1 if frame is None else frame.end[1] - offset)
        return frames

    def _data(self, number: int, offset: int, length: int) -> bytes:
        if number == self._last and self._writing is not None:
            # Works even if the file has been unlinked.
            return os.pread(self._writing, length, offset)
        with self._path(number).open("rb") as file:
            file.seek(offset)
            return file.read(length)

    def _count(self) -> int:
        """The number of intact records when the journal is opened."""
        records = 0
        while self._load_next():
            records += sum(frame.count for frame in self._ahead)
            self.mark = max(self.mark, *(frame.mark for frame in self._ahead))
            self._ahead.clear()
        self._read_to = self._at
        return records

    def _save_position(self) -> None:
        self.counters.set("segment", self._at[0])
        self.counters.set("offset", self._at[1])

    def _delete_sent(self) -> None:
        """Deletes sent files, including the current one if it is large and nothing waits in it."""
        for number in [sent for sent in self._sizes if sent < self._at[0]]:
            self._delete(number)
        if (
            not self._waiting
            and self._sizes.get(self._last, 0) >= SEGMENT_BYTES // 4
            and self._writing is not None
        ):
            os.close(self._writing)
            self._writing = None
            self._delete(self._last)
            self._at = self._read_to = (self._last + 1, 0)
            self._save_position()

    def _delete(self, number: int) -> None:
        self._path(number).unlink(missing_ok=True)
        self._sizes.pop(number, None)
