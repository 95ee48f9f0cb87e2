"""The writer's thread: from the queue to the journal, some twenty milliseconds after a report was captured."""

from __future__ import annotations

import contextlib
import itertools
import queue
import threading
from collections import Counter
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

Item = Document | str | threading.Event
"""An event, the reason why one is not wanted, or somebody who waits until all before it is written."""


class Inbox:
    """What was captured and not written yet. Every step is one that no signal and no thread can come between."""

    def __init__(self, tally: Tally) -> None:
        self.queue: queue.SimpleQueue[Item] = queue.SimpleQueue()
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
        if len(self.runs) >= QUEUED_AT_MOST and change["id"] not in self.runs:
            self.put("queue_full")
            return
        self.runs[change["id"]] = change
        self._rouse()

    def ask(self) -> threading.Event:
        """Set once everything before it has been written; the writer does not rest before that."""
        asked = threading.Event()
        self.queue.put(asked)
        # The first wakes it where it sleeps, the second where it rests.
        self.wake.put(None)
        self.wake.put(None)
        return asked

    def _rouse(self) -> None:
        """Wake the writer, once until it looks; what comes after it has disarmed this is seen or wakes it again."""
        if not self.armed:
            self.armed = True
            self.wake.put(None)


class Writer:
    """Keeps the books of what was captured: nobody else writes them.

    `lock` is held while they change, and never while the application's `before_send` runs.
    """

    def __init__(self, inbox: Inbox, journal: Journal, source: Source, process: str) -> None:
        self._inbox, self._journal, self._tally = inbox, journal, journal.tally
        self._source, self._process = source, process
        self._taken = 0
        self._taken_runs = 0
        self._said: set[str] = set()
        self._turn = threading.Lock()
        self.inherited = 0
        self.refused = False
        self.closed = False
        self.lock = threading.Lock()

    def run(self, wrote: Callable[[], None]) -> None:
        """Until the process ends. `wrote` is called after each turn."""
        with guarded():
            while True:
                self._inbox.wake.get()
                with contextlib.suppress(queue.Empty):
                    self._inbox.wake.get(timeout=REST_S)
                try:
                    self.step()
                except Exception:  # noqa: BLE001 - a defect must not end what reports defects
                    self._say("defect", "reports could not be written", exc_info=True)
                wrote()

    def step(self) -> None:
        """Write what is there now."""
        with self._turn, guarded():
            self._inbox.armed = False
            items = list(self._items())
            try:
                self._write("events", [one for one in items if not isinstance(one, threading.Event)])
                self._write("runs", self._changes())
            finally:
                for asked in items:
                    if isinstance(asked, threading.Event):
                        asked.set()

    def _items(self) -> Iterator[Item]:
        with contextlib.suppress(queue.Empty):
            for _ in range(2 * QUEUED_AT_MOST):
                yield self._inbox.queue.get_nowait()

    def _changes(self) -> list[Document | str]:
        """In the order in which their runs were first heard of."""
        return [self._inbox.runs.pop(id_) for id_ in list(self._inbox.runs)]

    def _write(self, kind: Kind, items: Sequence[Document | str]) -> None:
        part = _Part()
        for item in items:
            part.add(self._prepared(kind, item))
            if part.full:
                self._keep(kind, part)
                part = _Part()
        self._keep(kind, part)

    def _keep(self, kind: Kind, part: _Part) -> None:
        """A part into the journal and the books: whoever has the lock sees both or neither."""
        events = part.taken if kind == "events" else 0
        with self.lock:
            for reason, n in part.dropped.items():
                self._tally.add(reason, n)
            if part.lines and (why := self._append(kind, part.lines, self._taken + events)) is not None:
                self._tally.add(why, len(part.lines))
            self._taken += events
            self._taken_runs += part.taken - events
            self._tally.set("taken", self._taken)
            self._tally.set("captured", self._taken + self._taken_runs + self.inherited)

    def _append(self, kind: Kind, lines: Sequence[bytes], mark: int) -> str | None:
        """Why they cannot be kept."""
        if self.refused:
            return "unauthorised"
        if self.closed:
            return "closed"
        if self._journal.append(kind, lines, mark):
            return None
        self._say("full", "the spool is full or cannot be written: further reports are dropped, and counted")
        return "spool_full"

    def _prepared(self, kind: Kind, item: Document | str) -> bytes | str:
        """A record, or the reason why there is none."""
        if isinstance(item, str):
            return item
        try:
            if kind == "events":
                return record(self._source.prepare(item))
            return record({"process_id": self._process, **self._source.prepare_run(item)})
        except Dropped as dropped:
            return dropped.reason
        except KeyboardInterrupt:
            raise
        except BaseException:  # noqa: BLE001 - `before_send` may call `sys.exit`; one report must not cost the others
            self._say(
                "unreadable", "a report could not be prepared: it is dropped, and counted", exc_info=True
            )
            return "unreadable"

    def _say(self, what: str, sentence: str, *, exc_info: bool = False) -> None:
        """Each thing once."""
        if what not in self._said:
            self._said.add(what)
            log.warning("%s", sentence, exc_info=exc_info)


class _Part:
    """What goes into one frame, at most a hundred records and about 256 KiB, and what was dropped on the way."""

    def __init__(self) -> None:
        self.lines: list[bytes] = []
        self.dropped: Counter[str] = Counter()
        self.taken = 0
        self._size = 0

    def add(self, one: bytes | str) -> None:
        """A record, or the reason why there is none."""
        self.taken += 1
        if isinstance(one, str):
            self.dropped[one] += 1
        else:
            self.lines.append(one)
            self._size += len(one)

    @property
    def full(self) -> bool:
        return len(self.lines) >= RECORDS or self._size >= BYTES
