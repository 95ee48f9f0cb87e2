"""Detection of dead processes by missing heartbeats, and events for the runs that they leave unfinished."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b

import msgspec

from notifier.domain.event import Event, Rejection
from notifier.domain.task_run import RunState, TaskRun
from notifier.domain.time import Duration, Instant
from notifier.ingest import intake
from notifier.ingest.heartbeats import SILENCE
from notifier.ingest.intake import Intake
from notifier.ingest.normalize import Normalizer
from notifier.ingest.run_intake import count_ended, store
from notifier.ingest.schema import ID_CHARS
from notifier.policy import runs
from notifier.store.database import LOOP, POLL, Database, Subscription, Tx
from notifier.store.statements import processes, task_runs
from notifier.telemetry.logging import get
from notifier.telemetry.metrics import Metrics

SERVICES_SHOWN = 100
OTHERS = "(others)"
EVENT_BYTES = 65_536
END_BATCH_SIZE = 100
LOST_BATCH_SIZE = 200
_KEY = "processes"
_encode = msgspec.json.Encoder().encode

log = get("notifier.ingest")


@dataclass(frozen=True, slots=True, kw_only=True)
class EndedRuns:
    """The runs that one check has ended, and which of them are lost. `more` is true if the check hit its limit."""

    ended: tuple[TaskRun, ...]
    lost: tuple[TaskRun, ...]
    more: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class LivingProcesses:
    """The number of living processes, and clients' reports by service and outcome, for metrics."""

    processes: int
    reports: Mapping[tuple[str, str], int]


class ProcessWatch:
    """Ends processes without heartbeats, every few seconds.

    No process is ended within `silence` milliseconds of the watch's start or of a long delay of its loop, because
    heartbeats could not arrive while the service or its database was down.
    """

    def __init__(
        self,
        database: Database,
        *,
        new_id: Callable[[], str],
        metrics: Metrics,
        silence: Duration = SILENCE,
    ) -> None:
        self._database = database
        self._normalizer = Normalizer(max_event_bytes=EVENT_BYTES, new_id=new_id)
        self._new_id = new_id
        self._metrics = metrics
        self._silence = silence
        self._subscription: Subscription = database.signals.subscribe()
        self._since: Instant = database.now()
        self._checked_at: Instant = self._since

    async def step(self) -> None:
        """One turn of the loop: checks the processes, updates the metrics, and waits."""
        await self.check()
        self._set_metrics(await self._database.read(living_processes, limit=LOOP))
        await self._subscription.wait(POLL)

    async def check(self) -> None:
        """Ends processes that were silent for too long, and stores events for the runs that are lost."""
        now = self._database.now()
        if now - self._checked_at > 3 * POLL:
            self._since = now
        if now - self._since >= self._silence:
            while await self._end_batch():
                pass
        self._checked_at = now

    async def _end_batch(self) -> bool:
        runs_of_ended = await self._database.write(self._end_and_store, essential=False, limit=LOOP)
        count_ended(self._metrics, runs_of_ended.ended)
        if runs_of_ended.lost:
            self._metrics.events.labels("accepted", "native").inc(len(runs_of_ended.lost))
            log.warning("runs_lost", count=len(runs_of_ended.lost))
        return runs_of_ended.more

    def _end_and_store(self, tx: Tx) -> EndedRuns:
        runs_of_ended = end_silent(tx, silence=self._silence)
        events = lost_run_events(self._normalizer, runs_of_ended.lost, tx.now)
        if events:
            batch = Intake(
                events=events,
                keys=[_KEY] * len(events),
                remaining={_KEY: len(events)},
                new_id=self._new_id,
            )
            intake.commit(tx, batch)
        return runs_of_ended

    def _set_metrics(self, living_processes: LivingProcesses) -> None:
        self._metrics.processes.set(living_processes.processes)
        self._metrics.client_reports.clear()
        for (service, outcome), n in reports_by_service(living_processes.reports).items():
            self._metrics.client_reports.labels(service, outcome).set(n)


def end_silent(tx: Tx, *, silence: Duration = SILENCE) -> EndedRuns:
    """Ends processes that were silent for `silence` ms, and marks their unfinished runs as lost.

    A process that ended at its last heartbeat exited in an orderly way.
    """
    silent = processes.end_silent(tx, tx.now - silence, most=END_BATCH_SIZE)
    abandoned = task_runs.abandoned(tx, tx.now - silence, most=LOST_BATCH_SIZE)
    changes = [
        runs.lost(row.run, seen_at=row.seen_at, goodbye=row.ended_at == row.seen_at) for row in abandoned
    ]
    ended = store(tx, changes).ended if changes else ()
    lost = tuple(run for run in ended if run.state is RunState.LOST)
    return EndedRuns(
        ended=ended, lost=lost, more=silent == END_BATCH_SIZE or len(abandoned) == LOST_BATCH_SIZE
    )


def living_processes(tx: Tx) -> LivingProcesses:
    """The current figures. Reports of ended processes count while their rows are kept.

    Reports spooled by an ended process are left out: the process that adopts the spool counts them as captured.
    """
    totals: dict[tuple[str, str], int] = {}
    for row in processes.reports(tx):
        counts = {
            outcome: sum(n.values()) if isinstance(n, dict) else n for outcome, n in row.reports.items()
        }
        if row.ended:
            counts["captured"] = counts.get("captured", 0) - counts.pop("spooled", 0)
        for outcome, count in counts.items():
            totals[row.service, outcome] = totals.get((row.service, outcome), 0) + count
    return LivingProcesses(processes=processes.count_living(tx), reports=totals)


def lost_run_events(normalizer: Normalizer, lost: Sequence[TaskRun], now: Instant) -> list[Event]:
    """One event for each lost run. Events of one task share a fingerprint."""
    by_project: dict[str, list[TaskRun]] = {}
    for run in lost:
        by_project.setdefault(run.project, []).append(run)
    events: list[Event] = []
    for project, of_project in by_project.items():
        bodies = [_encode(_event(run)) for run in of_project]
        items = normalizer.read(bodies, project=project, received_at=now, sent_at=None)
        events += [item.event for item in items if not isinstance(item, Rejection)]
    return events


def reports_by_service(reports: Mapping[tuple[str, str], int]) -> dict[tuple[str, str], int]:
    """The first hundred services by name, the rest as one, because senders choose the label's values."""
    named = set(sorted({service for service, _ in reports})[:SERVICES_SHOWN])
    totals: dict[tuple[str, str], int] = {}
    for (service, outcome), n in reports.items():
        key = (service if service in named else OTHERS, outcome)
        totals[key] = totals.get(key, 0) + n
    return totals


def _event(run: TaskRun) -> dict[str, object]:
    error = run.error or {}
    return {
        "id": _id(run.id),
        "service": run.service,
        "environment": run.environment,
        "severity": "error",
        "exception": {
            "type": runs.TASK_LOST,
            "module": runs.ASSUMED_BY,
            "message": f"{run.task} was lost: {error.get('message')}",
        },
        "task": {
            "id": run.id,
            "name": run.task,
            "attempt": run.attempt,
            "max_attempts": run.max_attempts,
        },
        "fingerprint": ["task lost", run.service, run.task],
    }


def _id(run: str) -> str:
    """The id of a lost run's event. It is the same however often the run is lost, so that one event is stored."""
    id_ = f"lost:{run}"
    return id_ if len(id_) <= ID_CHARS else f"lost:{blake2b(run.encode(), digest_size=16).hexdigest()}"
