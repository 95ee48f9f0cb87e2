"""The two alerting loops: attention due (route, join) and groups due (decide, tell). And auto-resolve beside them."""

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
"""Claims what is due in a transaction that somebody else runs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Alerting:
    """The steps. Each does what is due now, in transactions of bounded size, and says when to come again.

    `claiming` is entered around a transaction: what that tells is claimed in it, unless delivery has its hands full
    (None). What is claimed is sent once the transaction has committed.
    """

    database: Database
    use: Callable[[], AbstractContextManager[ConfigForAlerting]]
    claiming: Callable[[], AbstractAsyncContextManager[Claim | None]]
    metrics: Metrics
    silences: ActiveSilences = field(default_factory=ActiveSilences)
    expiry: Expiry = field(default_factory=Expiry)

    async def route_incidents(self) -> Instant | None:
        """Route what needs attention, and decide for the groups that it made due."""
        return await self._all(lambda tx, active: _route_and_flush(tx, active.rules, self.silences))

    async def flush(self) -> Instant | None:
        """Decide for the groups that are due."""
        return await self._all(lambda tx, active: alerting.flush(tx, active.rules, self.silences))

    async def auto_resolve(self) -> Instant | None:
        """Resolve what has been quiet for `auto_resolve` and alerts that ended; end acknowledgements that are over."""
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
    """One hop more in the transaction: what is told now leaves a commit sooner."""
    if claim is not None and progress.told:
        claim(tx)
    return progress


def _route_and_flush(tx: Tx, rules: AlertingRules, silences: ActiveSilences) -> Progress:
    """Both hops in one transaction, where there is no storm to route: what need not wait arrives a commit sooner."""
    routed = alerting.route_incidents(tx, rules)
    if routed.more or not routed.done:
        return routed
    return replace(routed, told=alerting.flush(tx, rules, silences, looks_ahead=False).told)


async def step(database: Database, subscription: Subscription, work: Callable[[], object]) -> None:
    """One turn of a loop: do what is due, then wait for a signal, the next due time, or the poll."""
    next_at = await work()  # type: ignore[misc]
    await subscription.wait_until(next_at, now=database.now())
