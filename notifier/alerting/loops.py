"""The alerting loops: routing of incidents, flushing of groups, and resolution of quiet incidents."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from dataclasses import dataclass, field
from typing import Protocol

from notifier import alerting
from notifier.alerting.acknowledgements import end_acknowledgements
from notifier.alerting.expiry import Expiry
from notifier.domain.time import Duration, Instant
from notifier.domain.value import replace
from notifier.policy.rules import AlertingRules
from notifier.store.database import LOOP, Database, Subscription, Tx
from notifier.store.silences import ActiveSilences
from notifier.telemetry.logging import get
from notifier.telemetry.loop import Progress
from notifier.telemetry.metrics import Metrics


class ConfigForAlerting(Protocol):
    """The part of the active configuration that alerting needs."""

    @property
    def rules(self) -> AlertingRules: ...
    @property
    def auto_resolve(self) -> Duration: ...
    @property
    def resolve_timeout(self) -> Duration: ...


Claim = Callable[[Tx], None]
"""Claims due deliveries within the caller's transaction."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Alerting:
    """The work of the alerting loops. Each method does all that is due now, in transactions of bounded size.

    Each method returns when to call it next, or None to wait for a signal. `claiming` is entered around each
    transaction: it yields a function that claims the new deliveries in the same transaction, or None if
    delivery is busy. Claimed deliveries are sent after the commit.
    """

    database: Database
    use: Callable[[], AbstractContextManager[ConfigForAlerting]]
    claiming: Callable[[], AbstractAsyncContextManager[Claim | None]]
    metrics: Metrics
    silences: ActiveSilences = field(default_factory=ActiveSilences)
    expiry: Expiry = field(default_factory=Expiry)

    async def route_incidents(self) -> Instant | None:
        """Route incidents that need attention, and flush the groups that became due by that."""
        return await self._all(lambda tx, active: _route_and_flush(tx, active.rules, self.silences))

    async def flush(self) -> Instant | None:
        """Flush the due groups."""
        return await self._all(lambda tx, active: alerting.flush(tx, active.rules, self.silences))

    async def auto_resolve(self) -> Instant | None:
        """Resolve quiet incidents and expired alerts, and end acknowledgements whose time is over."""
        moments = (
            await self._all(lambda tx, active: alerting.auto_resolve(tx, active.auto_resolve)),
            await self._all(lambda tx, active: self.expiry.expire(tx, active.resolve_timeout)),
            await self._all(lambda tx, _rules: end_acknowledgements(tx)),
        )
        return min((at for at in moments if at is not None), default=None)

    async def _all(self, work: Callable[[Tx, ConfigForAlerting], Progress]) -> Instant | None:
        while True:
            with self.use() as active:
                async with self.claiming() as claim:
                    progress = await self.database.write(
                        lambda tx: _then_claim(tx, work(tx, active), claim), limit=LOOP
                    )
            for group, reason in progress.told:
                self.metrics.told.labels(reason.value).inc()
                get("notifier.alerting").info("decided", group=group, reason=reason.value)
            if not progress.more:
                return progress.next_at


def _then_claim(tx: Tx, progress: Progress, claim: Claim | None) -> Progress:
    """Claim the new deliveries in the same transaction, which saves a commit before they are sent."""
    if claim is not None and progress.told:
        claim(tx)
    return progress


def _route_and_flush(tx: Tx, rules: AlertingRules, silences: ActiveSilences) -> Progress:
    """Route and flush in one transaction, which saves a commit, unless routing needs more than one."""
    routed = alerting.route_incidents(tx, rules)
    if routed.more or not routed.done:
        return routed
    return replace(routed, told=alerting.flush(tx, rules, silences, looks_ahead=False).told)


async def step(database: Database, subscription: Subscription, work: Callable[[], object]) -> None:
    """Run `work`, then wait for a signal, the time that `work` returned, or the poll interval."""
    next_at = await work()  # type: ignore[misc]
    await subscription.wait_until(next_at, now=database.now())
