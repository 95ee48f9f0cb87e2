"""`HttpTransport`: the queue in front, the two threads behind, and what fork and exit do to them."""

from __future__ import annotations

import atexit
import contextlib
import os
import secrets
import socket
import sys
import threading
import time
import weakref
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from notifier.client.capture.reentrancy import guarded
from notifier.client.dispatch.exchange import Answer, Exchange
from notifier.client.dispatch.journal import FileJournal, Journal
from notifier.client.dispatch.sender import GOODBYE_S, MAX_AGE_S, PAUSES_S, Sender
from notifier.client.dispatch.shelter import Shelter
from notifier.client.dispatch.spool import MOST_BYTES, Spool
from notifier.client.dispatch.writer import Inbox, Writer
from notifier.client.transport import Counts, Document, Source

EXIT_S: Final = 2.0
LEAST_GOODBYE_S: Final = 0.25
COUNT_S: Final = 2.0
FETCH_S: Final = 2.0
SETTLING_AT_MOST: Final = 1_000

_all: weakref.WeakSet[HttpTransport] = weakref.WeakSet()


class _Works:
    """Everything of one process. The threads start with the first report."""

    def __init__(self, transport: HttpTransport, source: Source) -> None:
        self.process = f"{socket.gethostname()[:64]}-{os.getpid()}-{secrets.token_hex(4)}"
        self.spool = Spool(transport.spool, source.service, most_bytes=transport.max_spool)
        self.journal: Journal = self.spool.own(self.process)
        self.inbox = Inbox(self.journal.tally, Shelter(self.journal.tally, source.rough))
        self.writer = Writer(self.inbox, self.journal, source, self.process)
        exchange = Exchange(transport.url, transport.key)
        exchange.warm()
        self.sender = Sender(
            exchange,
            self.journal,
            source,
            self.process,
            self.balance,
            pauses=transport.pauses,
            max_age=transport.max_age,
        )
        self.sender.adopt = self._adopt
        self.sender.on_refused = self._refuse
        self._transport = transport
        self._starting = threading.Lock()
        self._threads: dict[str, threading.Thread] = {}
        self._leaving = False
        self._left = threading.Event()
        self.started = False

    def start(self) -> None:
        """Once, by whoever comes first; nobody waits for it."""
        if not self._starting.acquire(blocking=False):
            return
        # Where no thread can be had, at the interpreter's end or for want of memory, the next report tries again.
        with guarded(), contextlib.suppress(RuntimeError):
            for name, target in (("notifier-writer", self._write), ("notifier-sender", self.sender.run)):
                if name not in self._threads:
                    thread = threading.Thread(target=target, name=name, daemon=True)
                    thread.start()
                    self._threads[name] = thread
            self.started = True
            return
        self._starting.release()

    def _write(self) -> None:
        self.writer.run(self._wrote)

    def _wrote(self) -> None:
        self.sender.wake.set()
        if self._leaving and not self._left.is_set():
            # Here, where it may hang: whoever closes waits only so long.
            self.sender.say_goodbye(Exchange(self._transport.url, self._transport.key))
            self._left.set()

    def written(self, until: float) -> bool:
        """Whether what was captured by now is in the journal, at `until` at the latest."""
        thread = self._threads.get("notifier-writer")
        if thread is None or not thread.is_alive():
            self.writer.step()
            return True
        if thread is threading.current_thread():  # in `before_send`
            return False
        return self.inbox.ask().wait(max(0.0, until - time.monotonic()))

    def sends(self, until: float) -> bool:
        """Whether anything may still leave by then: at the interpreter's end there may be no thread to do it."""
        thread = self._threads.get("notifier-sender")
        return thread is not None and thread.is_alive() and not self.sender.idle(until)

    def balance(self) -> Counts:
        """What is in the queue is not counted yet."""
        with self.writer.lock, self.sender.lock:
            captured, dropped = self.journal.tally.books()
            sent, spooled = self.journal.tally.get("sent"), self.sender.waiting
            return Counts(captured=captured, sent=sent, spooled=spooled, dropped=dropped)

    def close(self, seconds: float) -> None:
        """Say goodbye, stop, and leave no file behind where everything has been dealt with."""
        self.sender.stop()
        self._leaving = True
        thread = self._threads.get("notifier-writer")
        if thread is not None and thread.is_alive():
            self.inbox.ask()
            self._left.wait(seconds)
        with guarded(), self.writer.lock, self.sender.lock:
            # What the writer is still at is counted by whoever finds these files.
            if not self.sender.waiting and not self.journal.tally.unwritten:
                self.writer.closed = True
                self.journal.close()

    def abandon(self) -> None:
        """In a forked child: files and their locks are its parent's."""
        for journal in (self.journal, *self.sender.adopted):
            if isinstance(journal, FileJournal):
                with contextlib.suppress(OSError):
                    journal.abandon()

    def _adopt(self) -> None:
        for orphan in self.spool.orphans(self.process):
            estate = orphan.estate()
            with self.writer.lock, self.sender.lock:
                tally = self.journal.tally
                for reason, n in estate.dropped.items():
                    tally.add(reason, n)
                tally.add("captured", orphan.waiting + sum(estate.dropped.values()))
                orphan.settle()
                self.sender.adopted.append(orphan)
            for event in estate.events:
                self.inbox.put(event)

    def _refuse(self) -> None:
        self.writer.refused = True


class HttpTransport:
    """Sends to the service at `url`. `spool` is a folder, None for the usual one, False for none.

    `max_spool` bounds it, in bytes, and `max_age` what is in it, in seconds; `pauses` are the waits after failures.
    """

    def __init__(
        self,
        url: str,
        key: str,
        *,
        spool: str | Path | bool | None = None,
        max_spool: int = MOST_BYTES,
        max_age: float = MAX_AGE_S,
        pauses: Sequence[float] = PAUSES_S,
    ) -> None:
        self.url, self.key = url, key
        self.spool, self.max_spool, self.max_age, self.pauses = spool, max_spool, max_age, pauses
        self._source: Source | None = None
        self._works: _Works | None = None
        # Re-entrant: a signal's handler may report in the middle of the first report.
        self._lock = threading.RLock()
        self._closed = False
        _all.add(self)
        atexit.register(_at_exit, weakref.ref(self))

    def open(self, source: Source) -> None:
        self._source = source
        self._works = _Works(self, source)

    def event(self, event: Document) -> None:
        self._running.inbox.put(event)

    def run(self, change: Document) -> None:
        self._running.inbox.put_run(change)

    def drop(self, reason: str) -> None:
        self._running.inbox.drop(reason)

    def beat(self) -> None:
        self._running.sender.beat()

    def fetch_run(self, id_: str) -> Document | None:
        """Over a connection of its own, for any thread may ask."""
        with guarded():
            exchange = Exchange(self.url, self.key)
            answer = exchange.get(f"/v1/task-runs/{id_}", seconds=FETCH_S)
            exchange.close()
        return answer.body if answer.meaning == "taken" and isinstance(answer.body, dict) else None

    def settling(self) -> threading.Event | None:
        """Set once all events captured by now would survive this process; None: they would already.

        Where the disk hangs, and many wait for it, nobody else does.
        """
        works = self._works
        if works is None or not works.inbox.exposed or works.inbox.runs.qsize() > SETTLING_AT_MOST:
            return None
        return works.inbox.ask()

    def inquire(self, seconds: float) -> Answer:
        """Whether the service is there and takes the key, over a connection of its own. Blocks."""
        with guarded():
            exchange = Exchange(self.url, self.key)
            answer = exchange.probe(seconds=seconds)
            exchange.close()
        return answer

    @property
    def process(self) -> str:
        """How this process is called in its spool and by the service."""
        works = self._works
        return "" if works is None else works.process

    @property
    def folder(self) -> Path | None:
        """Where reports wait for the service; None: in memory alone."""
        works = self._works
        return None if works is None else works.spool.folder

    def flush(self, timeout: float) -> bool:
        until = time.monotonic() + timeout
        works = self._works
        if works is None:
            return True
        works.sender.flush(until)
        if not works.written(until):
            return False
        works.sender.wake.set()
        while works.sender.waiting and works.sends(until) and time.monotonic() < until:
            time.sleep(0.005)
        return not works.sender.waiting

    def counts(self) -> Counts:
        works = self._works
        if works is None:
            return Counts()
        works.written(time.monotonic() + COUNT_S)
        return works.balance()

    def close(self, timeout: float) -> None:
        works = self._works
        if works is not None and not self._closed:
            self._closed = True
            until = time.monotonic() + timeout
            self.flush(timeout)
            works.close(min(GOODBYE_S, max(LEAST_GOODBYE_S, until - time.monotonic())))

    @property
    def _running(self) -> _Works:
        works = self._works or self._begin()
        if not works.started:
            works.start()
            _close_with_multiprocessing(self)
        return works

    def _begin(self) -> _Works:
        """The first report of a forked child."""
        with self._lock:
            if self._works is None:
                assert self._source is not None
                with guarded():
                    self._works = _Works(self, self._source)
            return self._works

    def begin_anew_in_child(self) -> None:
        """A forked child has none of its parent's threads: what they were about to send is its parent's."""
        works, self._works = self._works, None
        self._lock, self._closed = threading.RLock(), False
        if works is not None:
            works.abandon()


def _at_exit(reference: weakref.ref[HttpTransport]) -> None:
    transport = reference()
    if transport is not None:
        transport.close(EXIT_S)


def _close_with_multiprocessing(transport: HttpTransport) -> None:
    """Its children leave without `atexit`."""
    process, util = sys.modules.get("multiprocessing.process"), sys.modules.get("multiprocessing.util")
    if process is not None and util is not None and process.parent_process() is not None:
        util.Finalize(None, _at_exit, args=(weakref.ref(transport),), exitpriority=0)


def _forked() -> None:
    for transport in list(_all):
        transport.begin_anew_in_child()


if hasattr(os, "register_at_fork"):  # pragma: no branch - not on Windows
    os.register_at_fork(after_in_child=_forked)
