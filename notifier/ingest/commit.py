"""Group commit: many requests share one transaction and one fsync."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

from notifier.domain.errors import Overloaded, StoreBroken, StoreError, StoreFull, StoreUnavailable
from notifier.domain.event import Event
from notifier.domain.time import DAY, Duration
from notifier.domain.value import replace
from notifier.ingest import intake
from notifier.ingest.intake import Committed, Intake, StoredEvent
from notifier.ingest.quota import KeyQuota
from notifier.ingest.upgrade import UpgradeWatch
from notifier.store.database import INGEST, Database, Tx
from notifier.telemetry.logging import get
from notifier.telemetry.metrics import Metrics

EVENTS_PER_COMMIT = 1_000
IDLE_TURN_S = 5.0
MAX_WAIT_S = 1.0
PENDING_EVENTS = 20_000
PENDING_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class _Submission:
    key: str
    events: Sequence[Event]
    size: int
    future: asyncio.Future[Sequence[StoredEvent]]
    arrived: float


class GroupCommit:
    """Collects the events that arrive during a commit, and commits up to 1,000 of them at once."""

    def __init__(
        self,
        database: Database,
        *,
        new_id: Callable[[], str],
        new_incidents: KeyQuota,
        metrics: Metrics,
        max_size: int | None = None,
        auto_resolve: Callable[[], Duration] = lambda: DAY,
    ) -> None:
        self._database = database
        self._new_id = new_id
        self._new_incidents = new_incidents
        self._metrics = metrics
        self._max_size = max_size
        self._upgrade = UpgradeWatch(auto_resolve)
        self._queue: list[_Submission] = []
        self._events = 0
        self._bytes = 0
        self._arrived = asyncio.Event()
        # Bound once: `get_running_loop` calls getpid.
        self._futures: Callable[[], asyncio.Future[Sequence[StoredEvent]]] = (
            asyncio.get_running_loop().create_future
        )

    async def submit(self, key: str, events: Sequence[Event]) -> Sequence[StoredEvent]:
        """Returns once the events are fsynced. Raises `Overloaded` if too many wait, `StoreError` if a write fails."""
        if self._database.broken.is_set():
            raise StoreBroken("a write failed before, and the service is stopping: send it again")
        size = sum(len(event.document) for event in events)
        if self._events and (
            self._events + len(events) > PENDING_EVENTS or self._bytes + size > PENDING_BYTES
        ):
            raise Overloaded
        submission = _Submission(key, events, size, self._futures(), time.monotonic())
        self._queue.append(submission)
        self._events += len(events)
        self._bytes += size
        self._arrived.set()
        try:
            return await submission.future
        finally:
            self._events -= len(events)
            self._bytes -= size

    async def step(self) -> None:
        """Commits what waits, or waits a few seconds for events, so that the watchdog sees the loop turn."""
        if not self._queue:
            self._arrived.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(IDLE_TURN_S):
                    await self._arrived.wait()
            if not self._queue:
                return
        # Yield once: requests that have arrived by now share this commit instead of the next.
        await asyncio.sleep(0)
        batch = self._take()
        self._metrics.pending_events.set(self._events)
        await self._commit(batch)

    def _take(self) -> list[_Submission]:
        submissions, count = 0, 0
        for submission in self._queue:
            if submissions and count + len(submission.events) > EVENTS_PER_COMMIT:
                break
            submissions += 1
            count += len(submission.events)
        batch, self._queue = self._queue[:submissions], self._queue[submissions:]
        return batch

    async def _commit(self, batch: Sequence[_Submission]) -> None:
        try:
            committed = await self._write(batch)
        except (StoreFull, StoreUnavailable, StoreBroken) as error:
            self._metrics.store_errors.labels(type(error).__name__).inc()
            _fail(batch, error)
            if isinstance(error, StoreBroken):
                self._fail_queue(error, waited=0.0)
                raise
            # Requests that waited while this commit failed are failed too, instead of waiting for another.
            self._fail_queue(error, waited=MAX_WAIT_S)
            return
        except StoreError as error:
            await self._one_by_one(batch, error)
            return
        except BaseException as error:
            _fail(batch, StoreUnavailable("the service is stopping: send it again"))
            raise error from None
        start = 0
        for submission in batch:
            end = start + len(submission.events)
            if not submission.future.done():
                submission.future.set_result(committed.stored[start:end])
            start = end
        for key, count in committed.opened.items():
            self._new_incidents.take(key, count, self._database.now())

    def _fail_queue(self, error: StoreError, *, waited: float) -> None:
        late = time.monotonic() - waited
        _fail([submission for submission in self._queue if submission.arrived <= late], error)
        self._queue = [submission for submission in self._queue if submission.arrived > late]

    async def _write(self, batch: Sequence[_Submission]) -> Committed:
        events = [event for submission in batch for event in submission.events]
        keys = [submission.key for submission in batch for _ in submission.events]
        now = self._database.now()
        remaining = {
            submission.key: self._new_incidents.remaining(submission.key, now) for submission in batch
        }
        batched = Intake(
            events=events, keys=keys, remaining=remaining, new_id=self._new_id, max_size=self._max_size
        )

        def commit(tx: Tx) -> Committed:
            upgrade = self._upgrade.current(tx)
            return intake.commit(tx, batched if upgrade is None else replace(batched, upgrade=upgrade))

        started = time.perf_counter()
        committed = await self._database.write(commit, essential=False, limit=INGEST)
        self._metrics.commit_seconds.observe(time.perf_counter() - started)
        self._metrics.commit_events.observe(len(events))
        return committed

    async def _one_by_one(self, batch: Sequence[_Submission], error: StoreError) -> None:
        """Commits each submission by itself after a rejected statement, so that only its own request fails."""
        self._metrics.store_errors.labels(type(error).__name__).inc()
        if len(batch) == 1:
            # A repeat is rejected again, and only the log shows that the event is the cause and not the database.
            get("notifier.ingest").error("events_refused", key=batch[0].key, error=str(error))
            _fail(batch, error)
            return
        for submission in batch:
            await self._commit([submission])


def _fail(batch: Sequence[_Submission], error: Exception) -> None:
    for submission in batch:
        if not submission.future.done():
            submission.future.set_exception(error)
