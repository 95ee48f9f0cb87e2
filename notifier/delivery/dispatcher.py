"""The delivery loop: claim due targets, send what the claim says, record every outcome."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from typing import Protocol

from notifier.channels.base import Channel
from notifier.delivery.attempt import DEADLINE, attempt
from notifier.domain.delivery import DeliveryState, Outcome, RateLimit, Receipt
from notifier.domain.errors import SendError, StoreBroken, StoreError
from notifier.domain.time import SECOND, Duration, Instant
from notifier.store import outbox
from notifier.store.alerting import Plan
from notifier.store.database import LOOP, Database, Tx
from notifier.store.outbox import ChannelRules, Job, Result, Swept
from notifier.telemetry.logging import get
from notifier.telemetry.metrics import Metrics

RECORD_AGAIN: Duration = 500
RECORD_LAST_S = 2.0
"""How long the end of the service waits for outcomes; what is not recorded by then is known when the lease ends."""
log = get("notifier.delivery")


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenChannel:
    """A channel with what the outbox must know of it."""

    sender: Channel
    rate_limit: RateLimit | None
    digest: bool
    pace: Duration
    concurrency: int
    action_links: bool = False


class Outlets(Protocol):
    """What delivery needs of the present configuration."""

    @property
    def plan(self) -> Plan: ...
    @property
    def channels(self) -> Mapping[str, OpenChannel]: ...
    @property
    def fallback(self) -> str | None: ...


class Dispatcher:
    """One per process. A slow channel fills its own slots only, and a send ends on the sender that it began on."""

    def __init__(
        self,
        database: Database,
        *,
        use: Callable[[], AbstractContextManager[Outlets]],
        metrics: Metrics,
        jitter: Callable[[], float],
        deadline: Duration = DEADLINE,
    ) -> None:
        self._database = database
        self._use = use
        self._metrics = metrics
        self._jitter = jitter
        self._deadline = deadline
        self._due = database.signals.waiter("targets")
        self._sweep = database.signals.waiter("sweep")
        self._sends: dict[asyncio.Task[None], tuple[str, Channel]] = {}
        # Channels that had no slot left after a claim: the next send that ends makes room for what waits.
        self._full: set[str] = set()
        self._stopping = False

    async def step(self) -> None:
        """Claim and start what is due; then wait for a signal, a free slot or the next due time."""
        await self._due.wait_until(await self.claim(), now=self._database.now())

    async def claim(self) -> Instant | None:
        """Claim what is due now and start sending it; when to come again."""
        if self._stopping:
            return None
        with self._use() as outlets:
            rules = self._rules(outlets)
            claimed = await self._database.write(lambda tx: outbox.claim(tx, outlets.plan, rules), limit=LOOP)
            for job in claimed.jobs:
                self._start(job, outlets.channels[job.channel].sender)
            self._full |= {name for name, after in self._rules(outlets).items() if after.slots <= 0}
        for id_, outcome in claimed.died:
            log.error("delivery_dead", delivery=id_, reason=outcome.value)
        return claimed.next_at

    def _start(self, job: Job, sender: Channel) -> None:
        task = asyncio.create_task(self._deliver(job, sender), name=f"send-{job.id}")
        self._sends[task] = (job.channel, sender)
        self._metrics.in_flight.labels(job.channel).inc()
        task.add_done_callback(self._finished)

    def _rules(self, outlets: Outlets) -> dict[str, ChannelRules]:
        busy: dict[str, int] = {}
        for name, _ in self._sends.values():
            busy[name] = busy.get(name, 0) + 1
        return {
            name: ChannelRules(
                name=name,
                rate_limit=channel.rate_limit,
                digest=channel.digest,
                pace=channel.pace,
                slots=channel.concurrency - busy.get(name, 0),
                action_links=channel.action_links,
            )
            for name, channel in outlets.channels.items()
        }

    def _finished(self, task: asyncio.Task[None]) -> None:
        name, _ = self._sends.pop(task)
        self._metrics.in_flight.labels(name).dec()
        if name in self._full:
            self._full.discard(name)
            self._due.wake()

    async def _deliver(self, job: Job, sender: Channel) -> None:
        started = self._database.now()
        cancelled: asyncio.CancelledError | None = None
        try:
            ended = await attempt(sender, job, deadline=self._deadline)
        except asyncio.CancelledError as error:
            cancelled = error
            ended = SendError(Outcome.AMBIGUOUS, "the service was stopped while it was sending")
        took = self._database.now() - started
        self._metrics.notifications.labels(job.channel).inc()
        self._metrics.latency.labels(job.channel).observe(max(0, took) / SECOND)
        result = await self._record(job, ended)
        self._told(job, ended, result)
        if cancelled is not None:
            raise cancelled

    async def _record(self, job: Job, ended: Receipt | SendError) -> Result | None:
        """Write the outcome; while the store is away, try again until the lease ends: then the sweep knows better."""
        jitter = self._jitter()
        until = job.claimed_at + outbox.LEASE

        def work(tx: Tx) -> Result | None:
            if isinstance(ended, Receipt):
                return outbox.delivered(tx, job, ended.ref, ended.detail)
            return outbox.failed(tx, job, ended, jitter)

        while True:
            try:
                return await self._database.write(work, limit=LOOP)
            except StoreBroken:
                raise
            except StoreError as error:
                log.error("outcome_not_recorded", delivery=job.id, error=str(error))
                if self._database.now() >= until:
                    return None
                await asyncio.sleep(RECORD_AGAIN / 1000)

    def _told(self, job: Job, ended: Receipt | SendError, result: Result | None) -> None:
        outcome = Outcome.DELIVERED if isinstance(ended, Receipt) else ended.outcome
        ids = {
            "delivery": job.id,
            "channel": job.channel,
            "target": job.address,
            "incidents": [one.incident.id for one in job.message.told],
            "events": [
                one.incident.latest_event.get("id") for one in job.message.told if one.incident.latest_event
            ],
        }
        if outcome is Outcome.DELIVERED:
            self._metrics.delay.labels(job.channel).observe(
                max(0, self._database.now() - job.created_at) / SECOND
            )
            log.info("delivered", reason=job.reason.value, **ids)
        else:
            self._metrics.failed.labels(job.channel, outcome.value).inc()
            log.warning("attempt_failed", outcome=outcome.value, detail=ended.detail, **ids)
        if result is None:
            log.warning("lease_lost", **ids)
        elif result.state is DeliveryState.DEAD:
            self._metrics.dead.labels(job.channel, result.outcome.value).inc()
            log.error("delivery_dead", reason=result.outcome.value, **ids)

    async def sweep_step(self) -> None:
        """Look after lost leases, expiry and the fallback; then wait."""
        swept = await self.sweep()
        await self._sweep.wait_until(swept.next_at, now=self._database.now())

    async def sweep(self, *, restarted: bool = False) -> Swept:
        with self._use() as outlets:
            swept = await self._database.write(
                lambda tx: outbox.sweep(tx, outlets.plan, outlets.fallback, restarted=restarted), limit=LOOP
            )
        for id_ in swept.lost:
            log.warning("worker_lost", delivery=id_)
        for id_ in swept.expired:
            log.error("delivery_dead", delivery=id_, reason=Outcome.EXPIRED.value)
        for id_ in swept.told:
            log.warning("told_fallback", delivery=id_, fallback=outlets.fallback)
        for id_ in swept.unheard:
            self._metrics.fallback_failed.inc()
            log.critical("fallback_failed", delivery=id_, fallback=outlets.fallback)
        return swept

    async def idle(self) -> None:
        """Until no send is in flight."""
        while self._sends:
            await asyncio.wait(set(self._sends))

    async def ended(self, senders: Collection[Channel]) -> bool:
        """Until no send is in flight on these; whether there was any."""
        waited = False
        while sends := [
            task for task, (_, used) in self._sends.items() if any(used is one for one in senders)
        ]:
            waited = True
            await asyncio.wait(sends)
        return waited

    async def drain(self, patience: Duration) -> None:
        """Start nothing new, let what is in flight end, and record the rest as ambiguous."""
        self._stopping = True
        with suppress(TimeoutError):
            async with asyncio.timeout(patience / 1000):
                await self.idle()
        rest = list(self._sends)
        for task in rest:
            task.cancel()
        if rest:
            await asyncio.wait(rest, timeout=RECORD_LAST_S)
