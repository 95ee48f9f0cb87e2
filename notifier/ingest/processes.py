"""The watch over processes: what dies in silence is noticed, and the runs that it leaves behind are told of."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from hashlib import blake2b

import msgspec

from notifier.domain.event import Event, Rejection
from notifier.domain.task_run import TaskRun
from notifier.domain.time import Duration, Instant
from notifier.ingest.normalize import Normalizer
from notifier.ingest.run_intake import count_ended
from notifier.ingest.schema import ID_CHARS
from notifier.policy import runs
from notifier.store import intake, task_runs
from notifier.store.database import LOOP, POLL, Database, Subscription, Tx
from notifier.store.intake import Intake
from notifier.store.task_runs import SILENCE, Alive, Gone
from notifier.telemetry.logging import get
from notifier.telemetry.metrics import Metrics

SERVICES_SHOWN = 100
OTHERS = "(others)"
EVENT_BYTES = 65_536
_KEY = "processes"
_encode = msgspec.json.Encoder().encode

log = get("notifier.ingest")


class ProcessWatch:
    """Looks at the processes every few seconds.

    Nobody is judged for `silence` milliseconds after the watch began, nor after it was held up for longer than a few
    turns: while the service or its database was away, nobody could be heard.
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
        self._looked: Instant = self._since

    async def step(self) -> None:
        """One turn: look, show what there is, and wait."""
        await self.look()
        self._show(await self._database.read(task_runs.alive, limit=LOOP))
        await self._subscription.wait(POLL)

    async def look(self) -> None:
        """End what has been silent for too long, and tell of what is lost by it."""
        now = self._database.now()
        if now - self._looked > 3 * POLL:
            self._since = now
        if now - self._since >= self._silence:
            while await self._turn():
                pass
        self._looked = now

    async def _turn(self) -> bool:
        gone = await self._database.write(self._work, essential=False, limit=LOOP)
        count_ended(self._metrics, gone.ended)
        if gone.lost:
            self._metrics.events.labels("accepted").inc(len(gone.lost))
            log.warning("runs_lost", count=len(gone.lost))
        return gone.more

    def _work(self, tx: Tx) -> Gone:
        gone = task_runs.look(tx, silence=self._silence)
        events = lost_run_events(self._normalizer, gone.lost, tx.now)
        if events:
            room = {_KEY: len(events)}
            intake.commit(
                tx, Intake(events=events, keys=[_KEY] * len(events), room=room, new_id=self._new_id)
            )
        return gone

    def _show(self, alive: Alive) -> None:
        self._metrics.processes.set(alive.processes)
        self._metrics.client_reports.clear()
        for (service, outcome), n in reports_by_service(alive.reports).items():
            self._metrics.client_reports.labels(service, outcome).set(n)


def lost_run_events(normalizer: Normalizer, lost: Sequence[TaskRun], now: Instant) -> list[Event]:
    """The events of lost runs: one for each, and those of one task have one fingerprint."""
    by_project: dict[str, list[TaskRun]] = {}
    for run in lost:
        by_project.setdefault(run.project, []).append(run)
    events: list[Event] = []
    for project, of_project in by_project.items():
        body = _encode([_event(run) for run in of_project])
        parsed = normalizer.parse(body, "application/json", project=project, received_at=now, sent_at=None)
        events += [item.event for item in parsed.items if not isinstance(item, Rejection)]
    return events


def reports_by_service(reports: Mapping[tuple[str, str], int]) -> dict[tuple[str, str], int]:
    """At most a hundred services by name, the rest as one: a label that senders choose must not grow for ever."""
    shown = set(sorted({service for service, _ in reports})[:SERVICES_SHOWN])
    totals: dict[tuple[str, str], int] = {}
    for (service, outcome), n in reports.items():
        key = (service if service in shown else OTHERS, outcome)
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
            "module": runs.GUESSED_BY,
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
    """Of the run, so that it is told of once however often it is lost."""
    id_ = f"lost:{run}"
    return id_ if len(id_) <= ID_CHARS else f"lost:{blake2b(run.encode(), digest_size=16).hexdigest()}"
