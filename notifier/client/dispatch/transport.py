"""`HttpTransport`: the queue in front, the two threads behind, and what fork and exit do to them."""

from __future__ import annotations

import atexit
import contextlib
import os
import secrets
import socket
import threading
import time
import weakref
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from notifier.client.dispatch.exchange import Exchange
from notifier.client.dispatch.journal import FileJournal, Journal
from notifier.client.dispatch.sender import PAUSES_S, Sender
from notifier.client.dispatch.spool import MOST_BYTES, Spool
from notifier.client.dispatch.writer import Inbox, Writer
from notifier.client.guard import guarded
from notifier.client.transport import Counts, Document, Source

EXIT_S: Final = 2.0
FETCH_S: Final = 2.0

_all: weakref.WeakSet[HttpTransport] = weakref.WeakSet()


class _Works:
    """Everything of one process. What touches the disk is made by the writer's thread, not by who reports first."""

    def __init__(self, transport: HttpTransport, source: Source) -> None:
        self.process = f"{socket.gethostname()[:64]}-{os.getpid()}-{secrets.token_hex(4)}"
        self.inbox = Inbox()
        self.beating = False
        self.ready = threading.Event()
        self._transport, self._source = transport, source
        with contextlib.suppress(RuntimeError):  # the interpreter is shutting down: nobody will run it
            threading.Thread(target=self._main, name="notifier-writer", daemon=True).start()

    def _main(self) -> None:
        transport = self._transport
        with guarded():
            self.spool = Spool(transport.spool, self._source.service, most_bytes=transport.max_spool)
            self.journal: Journal = self.spool.own(self.process)
            self.writer = Writer(self.inbox, self.journal, self._source, self.process)
            exchange = Exchange(transport.url, transport.key)
            self.sender = Sender(
                exchange, self.journal, self._source, self.process, self.counts, pauses=transport.pauses
            )
            self.sender.adopt = self._adopt
            self.sender.on_refused = self._refuse
            self.inbox.tally = self.journal.tally
            self.ready.set()
            if self.beating:
                self.sender.beat()
            threading.Thread(target=self.sender.run, name="notifier-sender", daemon=True).start()
        self.writer.run(self.sender.wake.set)

    def beat(self) -> None:
        self.beating = True
        if self.ready.is_set():
            self.sender.beat()

    def counts(self) -> Counts:
        """Exact: what is in the queue is written first."""
        self.writer.step()
        with self.writer.lock, self.sender.lock:
            tally = self.journal.tally
            return Counts(
                captured=tally.get("captured"),
                sent=tally.get("sent"),
                spooled=self.sender.waiting,
                dropped=tally.dropped(),
            )

    def close(self) -> None:
        """Say goodbye, and leave no file behind where nothing waits."""
        with guarded():
            self.sender.say_goodbye(Exchange(self._transport.url, self._transport.key))
            with self.writer.lock, self.sender.lock:
                if not self.sender.waiting:
                    self.journal.close()

    def _adopt(self) -> None:
        for journal, killed in self.spool.orphans(self.process):
            with self.writer.lock, self.sender.lock:
                self.writer.inherited += journal.waiting + killed
                self.journal.tally.add("captured", journal.waiting + killed)
                self.journal.tally.add("killed", killed)
                self.sender.adopted.append(journal)

    def _refuse(self) -> None:
        self.writer.refused = True


class HttpTransport:
    """Sends to the service at `url`. `spool` is a folder, None for the usual one, False for none.

    `max_spool` bounds it, in bytes; `pauses` are the waits after failures, in seconds.
    """

    def __init__(
        self,
        url: str,
        key: str,
        *,
        spool: str | Path | bool | None = None,
        max_spool: int = MOST_BYTES,
        pauses: Sequence[float] = PAUSES_S,
    ) -> None:
        self.url, self.key = url, key
        self.spool, self.max_spool, self.pauses = spool, max_spool, pauses
        self._source: Source | None = None
        self._works: _Works | None = None
        # Re-entrant: a signal's handler may report in the middle of the first report.
        self._lock = threading.RLock()
        self._closed = False
        _all.add(self)
        atexit.register(_at_exit, weakref.ref(self))

    def open(self, source: Source) -> None:
        self._source = source

    def event(self, event: Document) -> None:
        self._running.inbox.put(event)

    def run(self, change: Document) -> None:
        self._running.inbox.put_run(change)

    def drop(self, reason: str) -> None:
        self._running.inbox.put(reason)

    def beat(self) -> None:
        self._running.beat()

    def fetch_run(self, id_: str) -> Document | None:
        """Over a connection of its own, for any thread may ask."""
        with guarded():
            exchange = Exchange(self.url, self.key)
            answer = exchange.get(f"/v1/task-runs/{id_}", seconds=FETCH_S)
            exchange.close()
        return answer.body if answer.meaning == "taken" and isinstance(answer.body, dict) else None

    def flush(self, timeout: float) -> bool:
        until = time.monotonic() + timeout
        works = self._works
        if works is None:
            return True
        if not works.ready.wait(timeout):
            return False
        works.writer.step()
        works.sender.flush(until)
        while works.sender.waiting and not works.sender.refused and time.monotonic() < until:
            time.sleep(0.005)
        return not works.sender.waiting

    def counts(self) -> Counts:
        works = self._works
        return works.counts() if works is not None and works.ready.wait(EXIT_S) else Counts()

    def close(self, timeout: float) -> None:
        works = self._works
        if works is not None and not self._closed:
            self._closed = True
            self.flush(timeout)
            if works.ready.is_set():
                works.close()

    @property
    def _running(self) -> _Works:
        works = self._works
        return works if works is not None else self._start()

    def _start(self) -> _Works:
        """The first report of this process."""
        with self._lock:
            if self._works is None:
                assert self._source is not None
                self._works = _Works(self, self._source)
            return self._works

    def begin_anew_in_child(self) -> None:
        """A forked child has none of its parent's threads: what they were about to send is its parent's."""
        works, self._works = self._works, None
        self._lock, self._closed = threading.RLock(), False
        journal = getattr(works, "journal", None)
        if isinstance(journal, FileJournal):
            with contextlib.suppress(OSError):
                journal.abandon()


def _at_exit(reference: weakref.ref[HttpTransport]) -> None:
    transport = reference()
    if transport is not None:
        transport.close(EXIT_S)


def _forked() -> None:
    for transport in list(_all):
        transport.begin_anew_in_child()


if hasattr(os, "register_at_fork"):  # pragma: no branch - not on Windows
    os.register_at_fork(after_in_child=_forked)
