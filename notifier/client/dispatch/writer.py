"""The writer's thread: from the queue to the journal, some twenty milliseconds after a report was captured."""

from __future__ import annotations

import contextlib
import itertools
import queue
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from notifier.client.dispatch.encode import record
from notifier.client.dispatch.journal import Journal, Kind
from notifier.client.dispatch.tally import Tally
from notifier.client.guard import guarded
from notifier.client.options import log
from notifier.client.transport import Document, Dropped, Source

REST_S: Final = 0.02
QUEUED_AT_MOST: Final = 10_000
RECORDS: Final = 100
BYTES: Final = 256 * 1024


class Inbox:
    """What was captured and not written yet. Every step is one that no signal and no thread can come between."""

    def __init__(self, tally: Tally) -> None:
        self.queue: queue.SimpleQueue[Document | str] = queue.SimpleQueue()
        self.wake: queue.SimpleQueue[None] = queue.SimpleQueue()
        self.runs: dict[str, Document] = {}
        self.armed = False
        self._tally = tally
        self._seen = itertools.count(1)

    def put(self, item: Document | str) -> None:
        """An event, or the reason why one is not wanted."""
        if self.queue.qsize() >= QUEUED_AT_MOST:
            item = "queue_full"
        # If the process is killed before the writer's next turn, it is known how many there were.
        self._tally.see(next(self._seen))
        self.queue.put(item)
        self._rouse()

    def put_run(self, change: Document) -> None:
        """The latest change of a run replaces the one before."""
        self.runs[change["id"]] = change
        self._rouse()

    def _rouse(self) -> None:
        """Wake the writer, once until it looks; what comes after it has disarmed this is seen or wakes it again."""
        if not self.armed:
            self.armed = True
            self.wake.put(None)


class Writer:
    """Keeps the books of what was captured: nobody else writes them."""

    def __init__(self, inbox: Inbox, journal: Journal, source: Source, process: str) -> None:
        self._inbox, self._journal, self._tally = inbox, journal, journal.tally
        self._source, self._process = source, process
        self._taken = 0
        self._taken_runs = 0
        self._said_full = False
        self.inherited = 0
        self.refused = False
        self.lock = threading.Lock()

    def run(self, wrote: Callable[[], None]) -> None:
        """Until the process ends. `wrote` is called after each turn."""
        with guarded():
            while True:
                self._inbox.wake.get()
                time.sleep(REST_S)
                try:
                    self.step()
                except Exception:  # noqa: BLE001 - a defect must not end what reports defects
                    log.exception("reports could not be written")
                wrote()

    def step(self) -> None:
        """Write what is there now."""
        with self.lock, guarded():
            self._inbox.armed = False
            self._write_events(list(self._items()))
            self._write_runs()
            self._tally.set("taken", self._taken)
            self._tally.set("captured", self._taken + self._taken_runs + self.inherited)

    def _items(self) -> Iterator[Document | str]:
        with contextlib.suppress(queue.Empty):
            for _ in range(2 * QUEUED_AT_MOST):
                yield self._inbox.queue.get_nowait()

    def _write_events(self, items: Sequence[Document | str]) -> None:
        part = _Part()
        for item in items:
            self._taken += 1
            if isinstance(item, str):
                self._tally.add(item)
            elif (line := self._prepared(item)) is not None:
                part.add(line)
            if part.full:
                self._append("events", part)
        self._append("events", part)

    def _write_runs(self) -> None:
        part = _Part()
        with contextlib.suppress(KeyError):
            while True:
                _, change = self._inbox.runs.popitem()
                self._taken_runs += 1
                if (line := self._prepared_run(change)) is not None:
                    part.add(line)
                if part.full:
                    self._append("runs", part)
        self._append("runs", part)

    def _append(self, kind: Kind, part: _Part) -> None:
        lines = part.taken()
        if not lines:
            return
        if self.refused:
            self._tally.add("unauthorised", len(lines))
        elif not self._journal.append(kind, lines, self._taken):
            self._tally.add("spool_full", len(lines))
            if not self._said_full:
                log.warning(
                    "the spool is full or cannot be written: further reports are dropped, and counted"
                )
            self._said_full = True

    def _prepared(self, event: Document) -> bytes | None:
        try:
            return record(self._source.prepare(event))
        except Dropped as dropped:
            self._tally.add(dropped.reason)
        except Exception:  # noqa: BLE001 - one report must not cost the others
            log.exception("a report could not be prepared")
            self._tally.add("unreadable")
        return None

    def _prepared_run(self, change: Document) -> bytes | None:
        try:
            return record({**self._source.prepare_run(change), "process_id": self._process})
        except Exception:  # noqa: BLE001 - as above
            log.exception("a task run could not be prepared")
            self._tally.add("unreadable")
        return None


class _Part:
    """What goes into one frame: at most a hundred records and about 256 KiB."""

    def __init__(self) -> None:
        self._lines: list[bytes] = []
        self._size = 0

    def add(self, line: bytes) -> None:
        self._lines.append(line)
        self._size += len(line)

    @property
    def full(self) -> bool:
        return len(self._lines) >= RECORDS or self._size >= BYTES

    def taken(self) -> list[bytes]:
        lines, self._lines, self._size = self._lines, [], 0
        return lines
