"""The writer thread: moves reports from the queues to the journal.

The first event after a pause is written at once, following ones are collected for some twenty milliseconds.
"""

from __future__ import annotations

import contextlib
import itertools
import queue
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Final, TypeVar

from notifier.client.capture.reentrancy import guarded
from notifier.client.dispatch.counters import SHARED, Counters
from notifier.client.dispatch.crash_buffer import CrashBuffer
from notifier.client.dispatch.encode import record
from notifier.client.dispatch.frames import RecordKind
from notifier.client.dispatch.journal import Journal
from notifier.client.options import log
from notifier.client.transport import Document, Dropped, Source

T = TypeVar("T")

REST_S: Final = 0.02
MAX_QUEUED: Final = 10_000
MAX_RECORDS: Final = 100
MAX_RECORDS_IN_STORM: Final = 1_000
MAX_BYTES: Final = 256 * 1024

Run = Document | threading.Event
"""A run's change, or an event to set once everything before it is written."""


class CaptureQueue:
    """Captured reports that are not written yet. Each step is atomic against signals and threads.

    Reports are counted in the mapped file as they arrive, so that their number is known if the process is killed.
    """

    def __init__(self, counters: Counters, crash_buffer: CrashBuffer) -> None:
        self.events: queue.SimpleQueue[Document] = queue.SimpleQueue()
        self.runs: queue.SimpleQueue[Run] = queue.SimpleQueue()
        self.wake: queue.SimpleQueue[None] = queue.SimpleQueue()
        self.armed = self.hurried = False
        self._unsafe: set[int] = set()
        self.wrote_at = float("-inf")
        self._counters, self._crash_buffer = counters, crash_buffer
        self._numbers = {name: itertools.count(1) for name in SHARED}

    def put(self, event: Document) -> None:
        if self.events.qsize() >= MAX_QUEUED:
            self.drop("queue_full")
            return
        number = self._count("seen")
        idle = time.monotonic() - self.wrote_at > REST_S
        safe = False
        with contextlib.suppress(Exception):  # the writer handles invalid events
            safe = self._crash_buffer.keep(number, event)
        self.events.put(event)
        if not safe:  # marked last: a turn of the writer that misses the event must not count it as written
            self._unsafe.add(number)
        if idle and not self.hurried:
            self._wake_now()
        else:
            self._wake_writer()

    def unsafe_events(self) -> list[int]:
        """The numbers of events that are in the queue, or being written, and would be lost in a crash."""
        return list(self._unsafe)

    def written(self, numbers: Sequence[int]) -> None:
        """Marks these events as written or dropped."""
        self._unsafe.difference_update(numbers)

    def put_run(self, change: Document) -> None:
        """Adds a run's change, which replaces earlier ones."""
        if self.runs.qsize() >= 2 * MAX_QUEUED:
            self.drop("queue_full")
            return
        self._count("seen_runs")
        self.runs.put(change)
        self._wake_writer()

    def drop(self, reason: str) -> None:
        """Counts a report that is not sent: `ignored`, `sampled`, `queue_full`."""
        self._count(reason if reason in SHARED else "other")

    def request_flush(self) -> threading.Event:
        """An event that is set once everything before it is written. The writer does not pause before that."""
        flushed = threading.Event()
        self.runs.put(flushed)
        self._wake_now()
        return flushed

    def _count(self, name: str) -> int:
        number = next(self._numbers[name])
        self._counters.advance(name, number)
        return number

    def _wake_now(self) -> None:
        """Has the queue written at once. The first item wakes the writer if it sleeps, the second if it pauses."""
        self.armed = self.hurried = True
        self.wake.put(None)
        self.wake.put(None)

    def _wake_writer(self) -> None:
        """Wakes the writer, at most once per turn. `armed` is reset before the queue is read, so none is missed."""
        if not self.armed:
            self.armed = True
            self.wake.put(None)


class Writer:
    """Writes captured reports to the journal and the counters. No other thread writes those counters.

    `lock` is held while they change, and never while the application's `before_send` runs.
    """

    def __init__(self, captures: CaptureQueue, journal: Journal, source: Source, process: str) -> None:
        self._queue, self._journal, self._counters = captures, journal, journal.counters
        self._source, self._process = source, process
        self._logged: set[str] = set()
        self._step_lock = threading.Lock()
        self.refused = False
        self.closed = False
        self.lock = threading.Lock()

    def run(self, on_turn: Callable[[], None]) -> None:
        """Runs until the process ends. Calls `on_turn` after each turn."""
        with guarded():
            while True:
                self._queue.wake.get()
                with contextlib.suppress(queue.Empty):
                    self._queue.wake.get(timeout=REST_S)
                try:
                    self.step()
                except Exception:  # noqa: BLE001 - a defect must not end what reports defects
                    self._log_once("defect", "reports could not be written", exc_info=True)
                on_turn()

    def step(self) -> None:
        """Writes what is queued. Runs are read first and written last, so that a failure's event precedes its run."""
        with self._step_lock, guarded():
            self._queue.armed = self._queue.hurried = False
            unsafe_events = self._queue.unsafe_events()
            runs = list(_drained(self._queue.runs))
            waiters = [entry for entry in runs if isinstance(entry, threading.Event)]
            try:
                self._write("events", list(_drained(self._queue.events)))
                self._write_runs([entry for entry in runs if not isinstance(entry, threading.Event)])
            finally:
                self._queue.written(unsafe_events)
                self._queue.wrote_at = time.monotonic()
                for waiter in waiters:
                    waiter.set()

    def _write_runs(self, changes: Sequence[Document]) -> None:
        """Writes the latest change of each run, in the order of the first changes."""
        latest = {change["id"]: change for change in changes}
        self._write("runs", list(latest.values()))
        self._counters.add("taken_runs", len(changes) - len(latest))

    def _write(self, kind: RecordKind, documents: Sequence[Document]) -> None:
        # Each frame releases the GIL twice, and a busy thread returns it only after milliseconds.
        most = max(MAX_RECORDS, min(MAX_RECORDS_IN_STORM, len(documents) // 2))
        part = _Part(most)
        for document in documents:
            part.add(self._prepare(kind, document))
            if part.full:
                self._commit(kind, part)
                part = _Part(most)
        self._commit(kind, part)

    def _commit(self, kind: RecordKind, part: _Part) -> None:
        """Writes a part to the journal and the counters, under the lock, so that readers see both or neither.

        The process may be killed at any step, so reports count as taken only after they are in the journal.
        """
        with self.lock:
            for reason, n in part.dropped.items():
                self._count(kind, reason, n)
            lines = len(part.lines)
            if lines:
                events = lines if kind == "events" else 0
                self._count(kind, self._append(kind, part.lines, self._counters.get("taken") + events), lines)

    def _count(self, kind: RecordKind, reason: str | None, n: int) -> None:
        """Counts reports as in the journal, or as dropped for a reason."""
        if reason is not None:
            self._counters.add(reason, n)
        self._counters.add("taken" if kind == "events" else "taken_runs", n)
        self._counters.add("captured", n)

    def _append(self, kind: RecordKind, lines: Sequence[bytes], mark: int) -> str | None:
        """Appends to the journal. Returns the reason if that is impossible, else None."""
        if self.refused:
            return "unauthorised"
        if self.closed:
            return "closed"
        if self._journal.append(kind, lines, mark):
            return None
        self._log_once(
            "full", "the spool is full or cannot be written: further reports are dropped, and counted"
        )
        return "spool_full"

    def _prepare(self, kind: RecordKind, document: Document) -> bytes | str:
        """The encoded record, or the reason why it is dropped."""
        try:
            if kind == "events":
                return record(self._source.prepare(document))
            return record({"process_id": self._process, **self._source.prepare_run(document)})
        except Dropped as dropped:
            return dropped.reason
        except KeyboardInterrupt:
            raise
        except BaseException:  # noqa: BLE001 - `before_send` may call `sys.exit`; one report must not cost the others
            self._log_once(
                "unreadable", "a report could not be prepared: it is dropped, and counted", exc_info=True
            )
            return "unreadable"

    def _log_once(self, what: str, sentence: str, *, exc_info: bool = False) -> None:
        """Logs each message once."""
        if what not in self._logged:
            self._logged.add(what)
            log.warning("%s", sentence, exc_info=exc_info)


def _drained(waiting: queue.SimpleQueue[T]) -> Iterator[T]:
    """The queued entries, up to the limit of one turn."""
    with contextlib.suppress(queue.Empty):
        for _ in range(2 * MAX_QUEUED):
            yield waiting.get_nowait()


class _Part:
    """The records of one frame, limited in number and to about 256 KiB, and the reports dropped while preparing it."""

    def __init__(self, most: int) -> None:
        self.lines: list[bytes] = []
        self.dropped: Counter[str] = Counter()
        self._most = most
        self._size = 0

    def add(self, record: bytes | str) -> None:
        """Adds a record, or the reason why a report was dropped."""
        if isinstance(record, str):
            self.dropped[record] += 1
        else:
            self.lines.append(record)
            self._size += len(record)

    @property
    def full(self) -> bool:
        return len(self.lines) >= self._most or self._size >= MAX_BYTES
