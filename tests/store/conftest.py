"""Fixtures of the store's tests: transactions are run by hand, under a manual clock, with their own routing tree."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import pytest

from notifier import alerting, delivery
from notifier.delivery.jobs import ChannelRules, Claimed, Job, Result
from notifier.delivery.sweep import Swept
from notifier.delivery.targets import sync_targets
from notifier.domain.delivery import RateLimit
from notifier.domain.errors import SendError
from notifier.domain.event import Event
from notifier.domain.route import Inhibition, Route
from notifier.domain.severity import Severity
from notifier.domain.time import HOUR, Duration
from notifier.ingest import intake
from notifier.ingest.intake import Intake, StoredEvent
from notifier.policy.rules import AlertingRules
from notifier.store import ledger
from notifier.store.database import Database
from notifier.store.silences import ActiveSilences
from notifier.telemetry.loop import Progress

_numbers = count(1)


def new_id() -> str:
    """Ids in increasing order, like UUIDv7."""
    return f"id-{next(_numbers):08d}"


@dataclass
class Bench:
    """Every step from a posted event to a claimed delivery, one call each."""

    database: Database
    clock: Any
    route: Route = field(
        default_factory=lambda: Route(key="root", name="default", channels=("mail",), group_wait=0)
    )
    channels: Mapping[str, Sequence[str]] = field(default_factory=lambda: {"mail": ("a@example.com",)})
    rate_limit: RateLimit | None = None
    digest: bool = True
    pace: Duration = 0
    fallback: str | None = None
    expires_after: Duration = 24 * HOUR
    fallback_after: Duration = 600_000
    inhibit: tuple[Inhibition, ...] = ()
    targets: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    settings_hashes: Mapping[str, str] = field(default_factory=dict)
    silences: ActiveSilences = field(default_factory=ActiveSilences)

    @property
    def rules(self) -> AlertingRules:
        return AlertingRules(
            tree=self.route,
            targets=self.targets,
            url="https://notifier.example.com",
            expires_after=self.expires_after,
            fallback_after=self.fallback_after if self.fallback else None,
            new_id=new_id,
            inhibit=self.inhibit,
            version="v1",
            settings_hashes=self.settings_hashes,
        )

    async def start(self) -> None:
        """The database work of a service's start."""
        self.targets = await self.database.write(lambda tx: sync_targets(tx, self.channels))

    def event(self, fingerprint: str = "fp", **changes: Any) -> Event:
        number = next(_numbers)
        severity = changes.get("severity", Severity.ERROR)
        labels = {
            "project": "default",
            "service": "billing",
            "environment": "production",
            "severity": severity.value,
            **changes.pop("more_labels", {}),
        }
        values: dict[str, Any] = {
            "project": "default",
            "id": f"event-{number}",
            "id_given": True,
            "at": self.clock.now(),
            "received_at": self.clock.now(),
            "service": "billing",
            "environment": "production",
            "severity": severity,
            "fingerprint": fingerprint,
            "title": f"TimeoutError: {fingerprint}",
            "labels": labels,
            "status": "firing",
            "document": '{"service": "billing"}',
        }
        return Event(**(values | changes))

    async def post(self, *events: Event, remaining: int = 1_000_000) -> tuple[StoredEvent, ...]:
        work = Intake(events=events, keys=["key"] * len(events), remaining={"key": remaining}, new_id=new_id)
        return (await self.database.write(lambda tx: intake.commit(tx, work))).stored

    async def alert(self) -> list[tuple[str, str]]:
        """Run both alerting loops until nothing is due; returns the notified groups with their reasons."""
        while (await self.database.write(lambda tx: alerting.route_incidents(tx, self.rules))).more:
            pass
        told: list[tuple[str, str]] = []
        while True:
            progress: Progress = await self.database.write(
                lambda tx: alerting.flush(tx, self.rules, self.silences)
            )
            told += [(group, reason.value) for group, reason in progress.told]
            if not progress.more:
                return told

    async def claim(self, slots: int = 8) -> Claimed:
        channels = {
            name: ChannelRules(
                name=name, rate_limit=self.rate_limit, digest=self.digest, pace=self.pace, slots=slots
            )
            for name in self.channels
        }
        return await self.database.write(lambda tx: delivery.claim(tx, self.rules, channels))

    async def deliver(self, job: Job, ref: str | None = None) -> Result | None:
        return await self.database.write(lambda tx: delivery.delivered(tx, job, ref, None))

    async def fail(self, job: Job, error: SendError) -> Result | None:
        return await self.database.write(lambda tx: delivery.failed(tx, job, error, 0.0))

    async def sweep(self, *, restarted: bool = False) -> Swept:
        return await self.database.write(
            lambda tx: delivery.sweep(tx, self.rules, self.fallback, restarted=restarted)
        )

    async def deliver_all(self) -> list[Job]:
        """Claim and deliver until nothing is due now."""
        sent: list[Job] = []
        while jobs := (await self.claim()).jobs:
            for job in jobs:
                await self.deliver(job)
            sent += jobs
        return sent

    async def accounting(self) -> ledger.Accounting:
        return await self.database.read(ledger.accounting)


@pytest.fixture
async def bench(database: Database, clock: Any) -> AsyncIterator[Bench]:
    """A started bench; after every test the accounting equations must balance."""
    made = Bench(database, clock)
    await made.start()
    yield made
    accounting = await made.accounting()
    assert accounting.balanced, accounting
