"""The sender thread: posts the journals to the service, in order, and sends heartbeats."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final

from notifier.client.capture.reentrancy import guarded
from notifier.client.dispatch.encode import shrink
from notifier.client.dispatch.frames import RecordBatch
from notifier.client.dispatch.http_exchange import HEARTBEAT, Exchange, ServiceAnswer
from notifier.client.dispatch.journal import Journal
from notifier.client.options import log
from notifier.client.transport import Counts, Source

if TYPE_CHECKING:
    from notifier.client.documents import HeartbeatDocument

LINGER_S: Final = 0.5
PAUSES_S: Final = (1.0, 2.0, 4.0, 8.0, 15.0, 30.0)
UNEXPECTED_SERVER_S: Final = 60.0
HEARTBEAT_INTERVAL_S: Final = 10.0
SHUTDOWN_S: Final = 1.0
MAX_RECORDS: Final = 100
MAX_BYTES: Final = 512 * 1024
MAX_AGE_S: Final = 24 * 3600.0
PATHS: Final = {"events": "/v1/events", "runs": "/v1/task-runs"}


class Sender:
    """Sends the journals of dead processes first, then this process's. `counts` returns the figures for heartbeats."""

    def __init__(
        self, exchange: Exchange, own: Journal, source: Source, process: str, counts: Callable[[], Counts],
        *, pauses: Sequence[float] = PAUSES_S, max_age: float = MAX_AGE_S,
    ) -> None:  # fmt: skip
        self._exchange, self._own = exchange, own
        self._source, self._process, self._counts = source, process, counts
        self._pauses, self._max_age = pauses, max_age
        self._logged: set[str] = set()
        self._failures = 0
        self._not_before = 0.0
        self._asked_to_wait_until = 0.0
        self._heartbeat_at = float("inf")
        self._flush_until = 0.0
        self.adopted: list[Journal] = []
        self.adopt: Callable[[], None] = lambda: None
        self.refused = False
        self.stopped = False
        self.on_refused: Callable[[], None] = lambda: None
        self.wake = threading.Event()
        self.lock = threading.Lock()

    def run(self) -> None:
        """Runs until it is stopped or the process ends."""
        with guarded():
            while not self.stopped:
                try:
                    self.wake.wait(self._seconds_until_due())
                    self.wake.clear()
                    self.adopt()
                    self._send_due()
                except Exception as error:  # noqa: BLE001 - a defect must not end what reports defects
                    self._log_once("defect", f"reports could not be sent ({type(error).__name__}: {error})")
                    time.sleep(1)
            self._exchange.close()

    def beat(self) -> None:
        """Starts sending heartbeats."""
        if self._heartbeat_at == float("inf"):
            self._heartbeat_at = 0.0
            self.wake.set()

    def flush(self, until: float) -> None:
        """Until `until`, skips lingering and, once, the pause after a failure. Waits that the service asks for stay."""
        self._flush_until, self._not_before = until, self._asked_to_wait_until
        self.wake.set()

    def stop(self) -> None:
        """Stops after the current request."""
        self.stopped = True
        self.wake.set()

    def idle(self, until: float) -> bool:
        """Whether no request is due before this time."""
        return self.stopped or self.refused or self._not_before >= until

    @property
    def waiting(self) -> int:
        return self._own.waiting + sum(journal.waiting for journal in self.adopted)

    def _seconds_until_due(self) -> float:
        """Seconds until something may be due."""
        if self.refused:
            return UNEXPECTED_SERVER_S
        now = time.monotonic()
        due = [self._heartbeat_at]
        if self.waiting:
            due.append(max(self._not_before, now if self._flushing(now) else now + LINGER_S / 4))
        return min(HEARTBEAT_INTERVAL_S, max(0.0, min(due) - now))

    def _flushing(self, now: float) -> bool:
        return now < self._flush_until

    def _send_due(self) -> None:
        while not (self.refused or self.stopped):
            now = time.monotonic()
            if now >= self._heartbeat_at:
                self._send_heartbeat()
            if now < self._not_before:
                return
            following = self._next()
            if following is None:
                return
            journal, batch = following
            self._process_batch(journal, batch)

    def _next(self) -> tuple[Journal, RecordBatch] | None:
        """The next batch to send: dead processes' first, then this process's if it has lingered or is full."""
        for journal in list(self.adopted):
            batch = journal.peek(MAX_RECORDS, MAX_BYTES)
            if batch is not None:
                return journal, batch
            self._drop_unreadable(journal)
            with self.lock:
                self.adopted.remove(journal)
            journal.close()
        batch = self._own.peek(MAX_RECORDS, MAX_BYTES)
        if batch is None:
            self._drop_unreadable(self._own)
            return None
        old = time.time() - batch.at >= LINGER_S or len(batch.records) >= MAX_RECORDS
        return (self._own, batch) if old or self._flushing(time.monotonic()) else None

    def _drop_unreadable(self, journal: Journal) -> None:
        """Counts records that cannot be read as corrupt: the journal's files were removed or damaged."""
        if journal.waiting:
            with self.lock:
                self._own.counters.add("corrupt", journal.discard_unreadable())

    def _process_batch(self, journal: Journal, batch: RecordBatch) -> None:
        if time.time() - batch.at > self._max_age:
            # The batch may hold newer records than its oldest.
            oldest = journal.peek(1, 0) or batch
            self._finish(journal, oldest, {"expired": len(oldest.records)})
            return
        dropped = self._post(batch.kind, batch.records)
        if dropped is not None:
            self._failures, self._not_before = 0, 0.0
            self._finish(journal, batch, dropped)

    def _finish(self, journal: Journal, batch: RecordBatch, dropped: dict[str, int]) -> None:
        counters = self._own.counters
        with self.lock:
            for reason, n in dropped.items():
                counters.add(reason, n)
            counters.add("sent", len(batch.records) - sum(dropped.values()))
            journal.advance(batch)

    def _post(self, kind: str, records: Sequence[bytes]) -> dict[str, int] | None:
        """Sends records. Returns the dropped ones by reason, None if they must wait."""
        answer = self._exchange.post(PATHS[kind], records)
        match answer.meaning:
            case "taken":
                if answer.rejected:
                    self._log_once(
                        "rejected",
                        f"the service rejected a report ({answer.why}): it is dropped, and counted",
                    )
                return {"rejected": answer.rejected} if answer.rejected else {}
            case "too_large" | "invalid":
                return self._post_halves(kind, records, answer)
            case _:
                self._wait(answer)
                return None

    def _post_halves(
        self, kind: str, records: Sequence[bytes], answer: ServiceAnswer
    ) -> dict[str, int] | None:
        """Sends halves separately. A single record is shrunk once, and dropped if it is still too large."""
        if len(records) > 1:
            dropped: dict[str, int] = {}
            middle = len(records) // 2
            for half in (records[:middle], records[middle:]):
                lost = self._post(kind, half)
                if lost is None:
                    return None
                dropped = {name: dropped.get(name, 0) + lost.get(name, 0) for name in {*dropped, *lost}}
            return dropped
        smaller = shrink(records[0]) if answer.meaning == "too_large" else None
        if smaller is not None:
            return self._post(kind, [smaller])
        self._log_once(
            answer.meaning, f"the service will not take a report ({answer.why}): it is dropped, and counted"
        )
        return {"too_large" if answer.meaning == "too_large" else "rejected": 1}

    def _wait(self, answer: ServiceAnswer) -> None:
        now = time.monotonic()
        if answer.meaning == "refused":
            self.refused = True
            self._log_once(
                "refused", f"the service refuses NOTIFIER_KEY ({answer.why}): nothing is sent any more"
            )
            self.on_refused()
            return
        pause = self._pauses[min(self._failures, len(self._pauses) - 1)] * random.uniform(0.8, 1.2)  # noqa: S311 - spreads retries
        self._failures += 1
        if answer.meaning == "unexpected_server":
            self._log_once(
                "unexpected_server",
                f"what answers at NOTIFIER_URL is no notifier ({answer.why}): set its address",
            )
            pause = UNEXPECTED_SERVER_S
        elif answer.after is not None:
            pause = answer.after
            self._asked_to_wait_until = now + pause
        else:
            self._log_once("away", f"the service does not take reports for now ({answer.why}): they wait")
        self._not_before = now + pause

    def _send_heartbeat(self) -> None:
        counts = self._counts()
        answer = self._exchange.post_one(HEARTBEAT, self._heartbeat(counts))
        interval = HEARTBEAT_INTERVAL_S
        if answer.meaning == "taken":
            self._own.counters.mark_reported(counts.dropped)
        if answer.meaning == "taken" and isinstance(answer.body, dict):
            given = answer.body.get("interval")
            interval = (
                min(60.0, max(1.0, float(given))) if isinstance(given, int | float) else HEARTBEAT_INTERVAL_S
            )
            for order in answer.body.get("replay") or ():
                if isinstance(order, dict):
                    self._source.replay(order)
        self._heartbeat_at = time.monotonic() + interval

    def send_shutdown(self, exchange: Exchange) -> None:
        """Sends the last heartbeat, if there was one before or there are drops to report.

        Uses its own connection, because the thread may be using the other.
        """
        counts = self._counts()
        if (self._heartbeat_at != float("inf") or self._own.counters.unreported()) and not self.refused:
            last: HeartbeatDocument = {**self._heartbeat(counts), "ended": True}
            if exchange.post_one(HEARTBEAT, last, seconds=SHUTDOWN_S).meaning == "taken":
                self._own.counters.mark_reported(counts.dropped)
            exchange.close()

    def _heartbeat(self, counts: Counts) -> HeartbeatDocument:
        return {
            "process_id": self._process,
            "service": self._source.service,
            "running": list(self._source.running()),
            "tasks": list(self._source.tasks()),
            "reports": {
                "captured": counts.captured,
                "sent": counts.sent,
                "spooled": counts.spooled,
                "dropped": dict(counts.dropped),
            },
        }

    def _log_once(self, what: str, sentence: str) -> None:
        """Logs each message once, so that a service that is down for a night gives one line."""
        if what not in self._logged:
            self._logged.add(what)
            log.warning("%s", sentence)
