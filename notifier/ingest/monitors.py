"""Monitors: stores their check-ins, and opens incidents for failed, missed and overrunning jobs.

A check-in and its event are stored in one transaction; so are a missed deadline and its event. All events of a
monitor have one fingerprint, so that a failure, a missed check-in and the next success are one incident.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any, Final

from notifier.domain.errors import StoreError, StoreUnavailable
from notifier.domain.event import Event, Rejection
from notifier.domain.monitor import CheckIn, DeclaredMonitor, MonitorTrouble
from notifier.domain.time import SECOND, Instant, rfc3339
from notifier.domain.value import replace
from notifier.ingest import intake
from notifier.ingest.acceptance import Busy, EventSource
from notifier.ingest.intake import Intake
from notifier.ingest.normalize import Normalizer
from notifier.ingest.quota import KeyQuota
from notifier.policy import monitors as policy
from notifier.policy.observation import ObservationPeriod
from notifier.store import hold, views
from notifier.store.compiled import execute
from notifier.store.database import INGEST, LOOP, Database, Subscription, Tx
from notifier.store.monitor_rows import MonitorName, MonitorRow
from notifier.store.statements import monitors as statements
from notifier.store.views import MonitorStatus
from notifier.telemetry.metrics import Metrics
from notifier.wording import monitors as wording

FORMAT: Final = "monitor"
MAX_PER_PROJECT: Final = 1_000
EVENT_BYTES: Final = 65_536
BATCH_SIZE: Final = 300
MAX_WAITING: Final = 5_000
"""Limit of waiting requests. While the database is away, jobs soon have newer check-ins."""
MISSED_BATCH_SIZE: Final = 100
ENVIRONMENT: Final = "production"
_FILE: Final = "file"
_CLIENT: Final = "client"

Declared = Callable[[], Mapping[str, DeclaredMonitor]]
"""Returns the monitors that the current configuration declares, by name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckInsResult:
    """The state of each check-in's monitor, None for a monitor beyond the project's limit."""

    monitors: Sequence[MonitorStatus | None]


@dataclass(frozen=True, slots=True)
class _Submission:
    """Check-ins of one request, and the future that gets their result."""

    project: str
    service: str | None
    check_ins: Sequence[CheckIn]
    future: asyncio.Future[CheckInsResult]


@dataclass(frozen=True, slots=True)
class _Changes:
    """Changed monitors, and the events to store for them."""

    rows: dict[MonitorName, MonitorRow] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)


class MonitorIntake:
    """Stores check-ins, and detects missed deadlines.

    A monitor is created by its first check-in. Its declaration in the configuration overrides the client's.
    `max_size` limits the database file, in bytes; `most` limits the monitors of a project.
    """

    def __init__(
        self,
        database: Database,
        *,
        quota: KeyQuota,
        declared: Declared,
        new_id: Callable[[], str],
        metrics: Metrics,
        max_size: int | None = None,
        most: int = MAX_PER_PROJECT,
    ) -> None:
        self._database = database
        self._quota = quota
        self._declared = declared
        self._new_id = new_id
        self._metrics = metrics
        self._max_size = max_size
        self._most = most
        self._normalizer = Normalizer(max_event_bytes=EVENT_BYTES, new_id=new_id)
        self._observed = ObservationPeriod()
        self._applied: Mapping[str, DeclaredMonitor] | None = None
        self._subscription: Subscription = database.signals.subscribe()
        self._queue: list[_Submission] = []
        self._lock = asyncio.Lock()

    async def take(
        self, source: EventSource, check_ins: Sequence[CheckIn], *, service: str | None
    ) -> CheckInsResult | Busy:
        """Returns once the check-ins are committed. Raises `StoreError` if that fails. `service` is the key's."""
        wait = self._quota.take(source.key_id, len(check_ins), self._database.now())
        if wait is not None:
            return Busy(reason="quota", retry_after=wait)

        if len(self._queue) >= MAX_WAITING:
            return Busy(reason="backlog", retry_after=SECOND)
        waiting = _Submission(source.project, service, check_ins, asyncio.get_running_loop().create_future())
        self._queue.append(waiting)
        async with self._lock:
            # Many jobs start at the full hour: requests that arrive during a commit share the next one.
            while not waiting.future.done():
                await self._commit()
        return waiting.future.result()

    async def step(self) -> None:
        """One turn of the loop: handles missed deadlines, and waits for the next one."""
        await self._subscription.wait_until(await self.check_deadlines(), now=self._database.now())

    async def check_deadlines(self) -> Instant | None:
        """Handles missed deadlines. Returns the next deadline, None if there is none or the check should run again."""
        declared = self._declared()
        if declared is not self._applied:
            await self._database.write(
                lambda tx: self._apply_declared(tx, declared), essential=False, limit=LOOP
            )
            self._applied = declared
        held, due_at = await self._database.read(_next_due, limit=LOOP)
        now = self._database.now()
        self._observed = self._observed.checked(now, held=held)
        if held or due_at is None or due_at > now:
            return due_at
        more = True
        while more:
            count = await self._database.write(self._handle_missed, essential=False, limit=LOOP)
            self._count(count)
            more = count == MISSED_BATCH_SIZE
        return None

    async def _commit(self) -> None:
        batch, self._queue = self._queue[:BATCH_SIZE], self._queue[BATCH_SIZE:]
        try:
            results, events = await self._database.write(
                lambda tx: self._take(tx, batch), essential=False, limit=INGEST
            )
        except StoreError as error:
            for submission in batch:
                submission.future.set_exception(error)
            return
        except BaseException:
            for submission in batch:
                submission.future.set_exception(StoreUnavailable("the service is stopping: send it again"))
            raise
        for submission, result in zip(batch, results, strict=True):
            submission.future.set_result(result)
        self._count(events)

    def _count(self, events: int) -> None:
        if events:
            self._metrics.events.labels("accepted", FORMAT).inc(events)

    def _take(self, tx: Tx, batch: Sequence[_Submission]) -> tuple[list[CheckInsResult], int]:
        posted = [
            [
                (check_in, self._event(tx, submission.project, check_in, submission.service))
                for check_in in submission.check_ins
            ]
            for submission in batch
        ]
        names = [
            [(event.project, event.environment, check_in.name) for check_in, event in request]
            for request in posted
        ]
        changes = _Changes(rows=statements.find(tx, {name for request in names for name in request}))
        new = {name[0] for request in names for name in request if name not in changes.rows}
        capacity = {project: self._most - statements.count(tx, project) for project in new}
        for check_in, event in chain.from_iterable(posted):
            before = changes.rows.get((event.project, event.environment, check_in.name))
            if before is None:
                capacity[event.project] -= 1
            if before is not None or capacity[event.project] >= 0:
                self._check_in(tx, changes, before, check_in, event)
        self._write(tx, changes, max_size=self._max_size)
        statuses = views.monitors_named(tx, changes.rows.keys())
        results = [CheckInsResult(monitors=[statuses.get(name) for name in request]) for request in names]
        return results, len(changes.events)

    def _check_in(
        self, tx: Tx, changes: _Changes, before: MonitorRow | None, check_in: CheckIn, event: Event
    ) -> None:
        """Applies one check-in."""
        row = before or _new_row(event, check_in.name)
        declared = self._declared().get(check_in.name)
        if declared is not None:
            row = row.declared(declared.schedule, declared.severity or check_in.severity, _FILE)
        elif check_in.schedule is not None or row.declared_by == _FILE:
            by = None if check_in.schedule is None else _CLIENT
            row = row.declared(check_in.schedule, check_in.severity, by)
        elif check_in.severity is not None:
            row = replace(row, severity=check_in.severity.value)
        trouble: MonitorTrouble | None = row.trouble
        if check_in.status == "error":
            trouble = "error"
            changes.events.append(self._event_of(tx, row, check_in.message or wording.failed(row.name)))
        elif check_in.status == "ok":
            if trouble is not None:
                changes.events.append(replace(event, status="resolved"))
            trouble = None
        row = replace(
            row,
            service=event.service,
            status=check_in.status,
            at=tx.now,
            duration_ms=check_in.duration_ms,
            trouble=trouble,
        )
        changes.rows[row.key] = row.due(policy.deadline(row.expects(), tx.now, check_in.status))

    def _handle_missed(self, tx: Tx) -> int:
        """Handles up to 100 missed deadlines: stores an event and the next deadline for each. Returns their number."""
        changes = _Changes()
        since = self._observed.since
        if since is None:
            return 0
        for row in statements.overdue(tx, now=tx.now, since=since, most=MISSED_BATCH_SIZE):
            schedule, due_at = row.expects(), row.due_at
            if schedule is None or due_at is None:
                continue
            trouble = policy.trouble_after(due_at, row.at, row.status, schedule)
            sentence = wording.overran if trouble == "overran" else wording.missed
            changes.events.append(self._event_of(tx, row, sentence(row.name, row.at, schedule)))
            changes.rows[row.key] = replace(row, trouble=trouble).due(policy.deadline(schedule, tx.now))
        self._write(tx, changes)
        return len(changes.events)

    def _apply_declared(self, tx: Tx, declared: Mapping[str, DeclaredMonitor]) -> None:
        """Applies the declared monitors. A monitor that is no longer declared loses its schedule."""
        changed: list[MonitorRow] = []
        for row in statements.declared(tx, declared):
            new = declared.get(row.name)
            if new is None:
                changed.append(row.declared(None, None, None).due(None))
            elif row.declared_by != _FILE or row.expects() != new.schedule:
                deadline = policy.deadline(new.schedule, tx.now, row.status)
                changed.append(row.declared(new.schedule, new.severity, _FILE).due(deadline))
        statements.write(tx, changed)

    def _write(self, tx: Tx, changes: _Changes, *, max_size: int | None = None) -> None:
        statements.write(tx, changes.rows.values())
        if changes.events:
            batch = Intake(
                events=changes.events,
                keys=[FORMAT] * len(changes.events),
                remaining={FORMAT: len(changes.events)},
                new_id=self._new_id,
                max_size=max_size,
            )
            intake.commit(tx, batch)

    def _event_of(self, tx: Tx, row: MonitorRow, message: str) -> Event:
        """The event for a monitor that is in trouble."""
        context = {"monitor": row.name, "last_check_in": {"status": row.status, "at": rfc3339(row.at)}}
        tree = _tree(row.name, row.environment, row.service, message)
        return self._read(tx, row.project, {**tree, "severity": row.severity, "context": context})

    def _event(self, tx: Tx, project: str, check_in: CheckIn, service: str | None) -> Event:
        """A check-in as an event, with its cleaned names and identity. It resolves the incident if there is one."""
        named = check_in.service or service or check_in.name
        tree = _tree(check_in.name, check_in.environment or ENVIRONMENT, named, check_in.name)
        return self._read(tx, project, tree)

    def _read(self, tx: Tx, project: str, tree: dict[str, Any]) -> Event:
        [item] = self._normalizer.read([tree], project=project, received_at=tx.now, sent_at=None)
        assert not isinstance(item, Rejection), item
        return item.event


def _tree(name: str, environment: str, service: str, message: str) -> dict[str, Any]:
    return {
        "service": service,
        "environment": environment,
        "message": message,
        "labels": {"monitor": name},
        "fingerprint": ["monitor", name],
    }


def _new_row(event: Event, name: str) -> MonitorRow:
    return MonitorRow(
        project=event.project,
        environment=event.environment,
        name=name,
        service=event.service,
        fingerprint=event.fingerprint,
        status="ok",
        at=event.received_at,
        duration_ms=None,
        trouble=None,
        severity=None,
        schedule=None,
        declared_by=None,
        due_at=None,
        due_from=None,
        patience=None,
    )


def _next_due(tx: Tx) -> tuple[bool, Instant | None]:
    return hold.current(tx) is not None, execute(tx, statements.next_due, {}).scalar()
