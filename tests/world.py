"""A small service without its loops: events in, deliveries out, one step at a time under a manual clock."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from notifier import alerting, delivery
from notifier.delivery.jobs import ChannelRules, Job
from notifier.delivery.targets import sync_targets
from notifier.domain.delivery import Outcome, RateLimit
from notifier.domain.errors import SendError
from notifier.domain.event import Event
from notifier.domain.matcher import parse
from notifier.domain.route import Route
from notifier.domain.severity import Severity
from notifier.domain.time import HOUR, MINUTE, Duration, Instant, rfc3339
from notifier.ingest import intake
from notifier.policy import routing
from notifier.policy.rules import AlertingRules
from notifier.store.compiled import insert
from notifier.store.database import Database
from notifier.store.schema import task_runs
from notifier.store.silences import ActiveSilences

TARGETS: Mapping[str, Sequence[str]] = {
    "mail": ("ada@example.com", "bo@example.com"),
    "hook": ("hooks.example.com",),
}
LIMITS: Mapping[str, RateLimit] = {"mail": RateLimit(messages=30, per=HOUR, burst=30)}

ROUTES = Route(
    key="root",
    name="default",
    line="notifier.yaml:3",
    channels=("mail",),
    routes=(
        Route(
            key="critical",
            name='severity="critical"',
            line="notifier.yaml:9",
            match=(parse('severity="critical"'),),
            channels=("hook", "mail"),
            group_wait=0,
        ),
    ),
)


class Ids:
    """Ids in the form of UUIDs, in increasing order."""

    def __init__(self) -> None:
        self._numbers = count(1)

    def __call__(self) -> str:
        number = next(self._numbers)
        return f"{number:08x}-0000-7000-8000-{number:012x}"


@dataclass(slots=True, kw_only=True)
class World:
    """The steps of a service on an open database."""

    database: Database
    clock: Any
    rules: AlertingRules
    new_id: Ids
    limits: Mapping[str, RateLimit] = field(default_factory=lambda: dict(LIMITS))
    silences: ActiveSilences = field(default_factory=ActiveSilences)

    @classmethod
    async def open(cls, database: Database, clock: Any) -> World:
        new_id = Ids()
        targets = await database.write(lambda tx: sync_targets(tx, TARGETS))
        rules = AlertingRules(
            tree=ROUTES,
            targets=targets,
            url="https://notifier.example.com",
            expires_after=24 * HOUR,
            fallback_after=10 * MINUTE,
            new_id=new_id,
        )
        return cls(database=database, clock=clock, rules=rules, new_id=new_id)

    async def post(self, message: str = "it broke", **fields: Any) -> str:
        """Post one event, and return its incident's id."""
        return (await self.post_all([self.event(message, **fields)]))[0]

    async def post_all(self, events: Sequence[Event]) -> list[str]:
        """Post events in one commit, and return their incidents' ids."""
        batch = intake.Intake(
            events=events, keys=["key"] * len(events), remaining={"key": 1_000_000}, new_id=self.new_id
        )
        committed = await self.database.write(lambda tx: intake.commit(tx, batch))
        return [stored.incident_id or "" for stored in committed.stored]

    def event(self, message: str = "it broke", **fields: Any) -> Event:
        """An event as ingest produces it; equal messages have equal fingerprints."""
        now = self.clock.now()
        service, project = fields.get("service", "billing"), fields.get("project", "shop")
        severity = Severity(fields.get("severity", "error"))
        environment = fields.get("environment", "production")
        id_ = self.new_id()
        labels = {
            **fields.get("labels", {}),
            "project": project,
            "service": service,
            "environment": environment,
            "severity": severity.value,
        }
        document = {"id": id_, "timestamp": rfc3339(now), "service": service, "message": message}
        return Event(
            project=project,
            id=id_,
            id_given=False,
            at=now,
            received_at=now,
            service=service,
            environment=environment,
            severity=severity,
            fingerprint=fields.get("fingerprint", f"{service}:{message}"),
            title=message,
            labels=labels,
            status=fields.get("status", "firing"),
            document=json.dumps(document, ensure_ascii=False),
            run=fields.get("run"),
        )

    async def attend(self) -> Instant | None:
        """Route what needs attention, and return when the next is due."""
        while (
            progress := await self.database.write(lambda tx: alerting.route_incidents(tx, self.rules))
        ).done:
            pass
        return progress.next_at

    async def alert(self, wait: Duration = 10 * MINUTE) -> None:
        """Route, advance the clock past the groups' timers, and flush."""
        await self.attend()
        self.clock.advance(wait)
        await self.flush()

    async def flush(self) -> Instant | None:
        """Flush the due groups, and return when the next is due."""
        while (
            progress := await self.database.write(lambda tx: alerting.flush(tx, self.rules, self.silences))
        ).done:
            pass
        return progress.next_at

    async def claim(self) -> tuple[Job, ...]:
        """Claim the due deliveries of every channel."""
        channels = {
            name: ChannelRules(name=name, rate_limit=self.limits.get(name), digest=True, pace=0, slots=100)
            for name in self.rules.targets
        }
        return (await self.database.write(lambda tx: delivery.claim(tx, self.rules, channels))).jobs

    async def deliver(self, job: Job) -> None:
        await self.database.write(lambda tx: delivery.delivered(tx, job, None, "250 ok"))

    async def fail(self, job: Job, outcome: Outcome = Outcome.BLOCKED, detail: str = "not allowed") -> None:
        """Record a failed attempt; `blocked` makes the delivery a dead letter at once."""
        await self.database.write(lambda tx: delivery.failed(tx, job, SendError(outcome, detail), 0.0))

    async def mark_dead(self, message: str = "it broke", **fields: Any) -> list[str]:
        """Post and alert, then let the deliveries fail permanently; returns the ids of the dead ones."""
        await self.post(message, **fields)
        await self.alert()
        jobs = await self.claim()
        for job in jobs:
            await self.fail(job)
        return [job.id for job in jobs]

    async def ran(self, *runs: Mapping[str, Any]) -> None:
        """Store task runs; each mapping overrides the defaults."""
        usual = {
            "project": "shop",
            "task": "billing.tasks.charge",
            "service": "billing",
            "environment": "production",
            "state": "completed",
            "rank": 0,
            "attempt": 1,
            "created_at": self.clock.now(),
            "duration_ms": None,
            "replayable": "no",
        }
        rows = [{**usual, "id": self.new_id(), **run} for run in runs]
        await self.database.write(lambda tx: insert(tx, task_runs, rows))


def group_of(world: World, labels: Mapping[str, str], project: str = "shop") -> str:
    """The id of the root route's group for these labels."""
    shared = routing.group_labels(world.rules.tree, labels, "")
    return routing.group_key(project, world.rules.tree, shared, ("", ""))
