"""`HttpTransport`: a queue, two threads, and the handling of fork and exit."""

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
from notifier.client.dispatch.crash_buffer import CrashBuffer
from notifier.client.dispatch.http_exchange import Exchange, ServiceAnswer
from notifier.client.dispatch.journal import FileJournal, Journal
from notifier.client.dispatch.sender import MAX_AGE_S, PAUSES_S, SHUTDOWN_S, Sender
from notifier.client.dispatch.spool import MAX_SPOOL_BYTES, Spool
from notifier.client.dispatch.writer import CaptureQueue, Writer
from notifier.client.transport import Counts, Document, Source

EXIT_S: Final = 2.0
MIN_SHUTDOWN_S: Final = 0.25
COUNT_S: Final = 2.0
FETCH_S: Final = 2.0
MAX_SETTLING: Final = 1_000

_all: weakref.WeakSet[HttpTransport] = weakref.WeakSet()


class _ProcessPipeline:
    """The queue, journal, writer and sender of one process. The threads start with the first report."""

    def __init__(self, transport: HttpTransport, source: Source) -> None:
        self.process = f"{socket.gethostname()[:64]}-{os.getpid()}-{secrets.token_hex(4)}"
        self.spool = Spool(transport.spool, source.service, most_bytes=transport.max_spool)
        self.journal: Journal = self.spool.own(self.process)
        self.queue = CaptureQueue(self.journal.counters, CrashBuffer(self.journal.counters, source.rough))
        self.writer = Writer(self.queue, self.journal, source, self.process)
        exchange = Exchange(transport.url, transport.key)
        exchange.prepare()
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
        """Starts the threads once. Never blocks."""
        if not self._starting.acquire(blocking=False):
            return
        # Thread creation fails at interpreter exit or without memory; the next report tries again.
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
        self.writer.run(self._after_turn)

    def _after_turn(self) -> None:
        self.sender.wake.set()
        if self._leaving and not self._left.is_set():
            # In this thread, because it may hang, and `close` waits only for a limited time.
            self.sender.send_shutdown(Exchange(self._transport.url, self._transport.key))
            self._left.set()

    def written(self, until: float) -> bool:
        """Waits until what has been captured is in the journal, or until `until`. Returns whether it is."""
        thread = self._threads.get("notifier-writer")
        if thread is None or not thread.is_alive():
            self.writer.step()
            return True
        if thread is threading.current_thread():  # called from `before_send`
            return False
        return self.queue.request_flush().wait(max(0.0, until - time.monotonic()))

    def can_send(self, until: float) -> bool:
        """Whether something may still be sent by then. At interpreter exit there may be no thread for it."""
        thread = self._threads.get("notifier-sender")
        return thread is not None and thread.is_alive() and not self.sender.idle(until)

    def balance(self) -> Counts:
        """The current counts, without reports in the queue."""
        with self.writer.lock, self.sender.lock:
            captured, dropped = self.journal.counters.totals()
            sent, spooled = self.journal.counters.get("sent"), self.sender.waiting
            return Counts(captured=captured, sent=sent, spooled=spooled, dropped=dropped)

    def close(self, seconds: float) -> None:
        """Sends the last heartbeat, stops, and removes the files if nothing is left in them."""
        self.sender.stop()
        self._leaving = True
        thread = self._threads.get("notifier-writer")
        if thread is not None and thread.is_alive():
            self.queue.request_flush()
            self._left.wait(seconds)
        with guarded(), self.writer.lock, self.sender.lock:
            # Reports that the writer has not finished are counted by the process that adopts the files.
            if not self.sender.waiting and not self.journal.counters.unwritten:
                self.writer.closed = True
                self.journal.close()

    def abandon(self) -> None:
        """Closes a parent's files in a forked child."""
        for journal in (self.journal, *self.sender.adopted):
            if isinstance(journal, FileJournal):
                with contextlib.suppress(OSError):
                    journal.abandon()

    def _adopt(self) -> None:
        for orphan in self.spool.orphans(self.process):
            leftovers = orphan.leftovers()
            with self.writer.lock, self.sender.lock:
                counters = self.journal.counters
                for reason, n in leftovers.dropped.items():
                    counters.add(reason, n)
                counters.add("captured", orphan.waiting + sum(leftovers.dropped.values()))
                orphan.mark_adopted()
                self.sender.adopted.append(orphan)
            for event in leftovers.events:
                self.queue.put(event)

    def has_adopted(self) -> bool:
        """Whether dead processes left something to send. Checked before this process has threads."""
        with guarded():
            self._adopt()
        return bool(self.sender.adopted)

    def _refuse(self) -> None:
        self.writer.refused = True


class HttpTransport:
    """Sends to the service at `url`. `spool` is a folder, None for the default one, False for none.

    `max_spool` limits the spool in bytes, `max_age` the age of its records in seconds. `pauses` are the waits after
    failures, in seconds.
    """

    def __init__(
        self,
        url: str,
        key: str,
        *,
        spool: str | Path | bool | None = None,
        max_spool: int = MAX_SPOOL_BYTES,
        max_age: float = MAX_AGE_S,
        pauses: Sequence[float] = PAUSES_S,
    ) -> None:
        self.url, self.key = url, key
        self.spool, self.max_spool, self.max_age, self.pauses = spool, max_spool, max_age, pauses
        self._source: Source | None = None
        self._pipeline: _ProcessPipeline | None = None
        # Re-entrant, because a signal handler may report during the first report.
        self._lock = threading.RLock()
        self._closed = False
        _all.add(self)
        atexit.register(_at_exit, weakref.ref(self))

    def open(self, source: Source) -> None:
        self._source = source
        self._pipeline = _ProcessPipeline(self, source)

    def event(self, event: Document) -> None:
        self._running.queue.put(event)

    def run(self, change: Document) -> None:
        self._running.queue.put_run(change)

    def drop(self, reason: str) -> None:
        self._running.queue.drop(reason)

    def beat(self) -> None:
        self._running.sender.beat()

    def fetch_run(self, id_: str) -> Document | None:
        """Uses its own connection, because any thread may call it."""
        with guarded():
            exchange = Exchange(self.url, self.key)
            answer = exchange.get(f"/v1/task-runs/{id_}", seconds=FETCH_S)
            exchange.close()
        return answer.body if answer.meaning == "taken" and isinstance(answer.body, dict) else None

    def settling(self) -> threading.Event | None:
        """An event that is set once all captured events would survive a crash. None if they would already.

        If many callers wait already because the disk hangs, further ones do not.
        """
        pipeline = self._pipeline
        if (
            pipeline is None
            or not pipeline.queue.unsafe_events()
            or pipeline.queue.runs.qsize() > MAX_SETTLING
        ):
            return None
        return pipeline.queue.request_flush()

    def inquire(self, seconds: float) -> ServiceAnswer:
        """Whether the service responds and accepts the key, asked over a separate connection. Blocks."""
        with guarded():
            exchange = Exchange(self.url, self.key)
            answer = exchange.probe(seconds=seconds)
            exchange.close()
        return answer

    @property
    def process(self) -> str:
        """The name of this process in its spool and at the service."""
        pipeline = self._pipeline
        return "" if pipeline is None else pipeline.process

    @property
    def folder(self) -> Path | None:
        """The folder of unsent reports. None if they are in memory only."""
        pipeline = self._pipeline
        return None if pipeline is None else pipeline.spool.folder

    def flush(self, timeout: float) -> bool:
        pipeline = self._pipeline
        if pipeline is None:
            return True
        if not pipeline.started and pipeline.has_adopted():
            pipeline.start()
        return self._flush(pipeline, time.monotonic() + timeout)

    @staticmethod
    def _flush(pipeline: _ProcessPipeline, until: float) -> bool:
        pipeline.sender.flush(until)
        if not pipeline.written(until):
            return False
        pipeline.sender.wake.set()
        while pipeline.sender.waiting and pipeline.can_send(until) and time.monotonic() < until:
            time.sleep(0.005)
        return not pipeline.sender.waiting

    def counts(self) -> Counts:
        pipeline = self._pipeline
        if pipeline is None:
            return Counts()
        pipeline.written(time.monotonic() + COUNT_S)
        return pipeline.balance()

    def close(self, timeout: float) -> None:
        pipeline = self._pipeline
        if pipeline is not None and not self._closed:
            self._closed = True
            until = time.monotonic() + timeout
            self._flush(pipeline, until)
            pipeline.close(min(SHUTDOWN_S, max(MIN_SHUTDOWN_S, until - time.monotonic())))

    @property
    def _running(self) -> _ProcessPipeline:
        pipeline = self._pipeline or self._begin()
        if not pipeline.started:
            pipeline.start()
            _close_with_multiprocessing(self)
        return pipeline

    def _begin(self) -> _ProcessPipeline:
        """Starts a new pipeline for the first report of a forked child."""
        with self._lock:
            if self._pipeline is None:
                assert self._source is not None
                with guarded():
                    self._pipeline = _ProcessPipeline(self, self._source)
            return self._pipeline

    def reset_after_fork(self) -> None:
        """Drops the parent's pipeline in a forked child, which has none of its threads. The parent sends the rest."""
        pipeline, self._pipeline = self._pipeline, None
        self._lock, self._closed = threading.RLock(), False
        if pipeline is not None:
            pipeline.abandon()


def _at_exit(reference: weakref.ref[HttpTransport]) -> None:
    transport = reference()
    if transport is not None:
        transport.close(EXIT_S)


def _close_with_multiprocessing(transport: HttpTransport) -> None:
    """Closes the transport with a child of multiprocessing, which skips `atexit`."""
    process, util = sys.modules.get("multiprocessing.process"), sys.modules.get("multiprocessing.util")
    if process is not None and util is not None and process.parent_process() is not None:
        util.Finalize(None, _at_exit, args=(weakref.ref(transport),), exitpriority=0)


def _forked() -> None:
    for transport in list(_all):
        transport.reset_after_fork()


if hasattr(os, "register_at_fork"):  # pragma: no branch - not on Windows
    os.register_at_fork(after_in_child=_forked)
