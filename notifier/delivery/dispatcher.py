"""The delivery loop: claims due deliveries, sends them, and records the outcomes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager, asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Protocol

from notifier import delivery
from notifier.channels.base import Channel
from notifier.delivery.jobs import ChannelRules, Claimed, Job, Result
from notifier.delivery.outcome import Ended
from notifier.delivery.sends import AHEAD, DEADLINE, Sending, Sends, attempt, share_of
from notifier.delivery.sweep import Swept
from notifier.domain.delivery import DeliveryState, Outcome, RateLimit, Receipt
from notifier.domain.errors import SendError, StoreBroken, StoreError, StoreFull, StoreUnavailable
from notifier.domain.time import SECOND, Duration, Instant
from notifier.policy.rules import AlertingRules
from notifier.store.database import LOOP, Database, Tx
from notifier.telemetry.logging import get
from notifier.telemetry.metrics import Metrics

RECORDED_AT_ONCE = 50
GATHERED: Duration = 2
GATHERED_AT_MOST = 2
"""How long the loop waits for further outcomes to share a commit, in milliseconds, and how often while sends remain
in line."""
RECORD_AGAIN: Duration = 500
RECORD_LAST_S = 2.0
"""How long a shutdown waits for outcomes to be recorded. Unrecorded deliveries are found when their lease ends."""
log = get("notifier.delivery")


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenChannel:
    """A channel's sender and the settings that delivery needs."""

    sender: Channel
    rate_limit: RateLimit | None
    digest: bool
    pace: Duration
    concurrency: int
    action_links: bool = False


class OpenChannels(Protocol):
    """The part of the active configuration that delivery needs."""

    @property
    def rules(self) -> AlertingRules: ...
    @property
    def channels(self) -> Mapping[str, OpenChannel]: ...
    @property
    def fallback(self) -> str | None: ...


class Dispatcher:
    """Claims, sends and records; one instance per process.

    A send ends on the sender that it began on, even after a reload.
    """

    def __init__(
        self,
        database: Database,
        *,
        use: Callable[[], AbstractContextManager[OpenChannels]],
        metrics: Metrics,
        jitter: Callable[[], float],
        deadline: Duration = DEADLINE,
    ) -> None:
        self._database = database
        self._use = use
        self._metrics = metrics
        self._jitter = jitter
        self._deadline = deadline
        self._due = database.signals.subscribe("targets")
        self._sweep = database.signals.subscribe("sweep")
        self._sends = Sends(self._send, now=database.now, changed=self._due.wake)
        self._turn = asyncio.Lock()
        self._stopping = False

    async def step(self) -> None:
        """Record outcomes and claim due deliveries, then wait until there are more."""
        await self._due.wait_until(await self.turn(), now=self._database.now())
        for _ in range(GATHERED_AT_MOST):
            if not (self._sends.in_flight and 0 < self._sends.unrecorded_count < RECORDED_AT_ONCE):
                break
            await asyncio.sleep(GATHERED / 1000)
            if not self._sends.has_queued:
                break

    async def turn(self) -> Instant | None:
        """Record outcomes and claim due deliveries in one transaction. Returns when to call again, or None."""
        async with self._turn:
            with self._use() as open_channels:
                return await self._take_turn(open_channels)

    @asynccontextmanager
    async def claiming(self) -> AsyncIterator[Callable[[Tx], None] | None]:
        """Yield a function that claims within the caller's transaction. The claims are sent when the block ends.

        Yields None if this loop is recording or claiming itself, or has no free slots; it then finds the due
        deliveries later.
        """
        if self._turn.locked():
            yield None
            return
        async with self._turn:
            with self._use() as open_channels:
                channels = {} if self._stopping else self._channel_rules(open_channels)
                claims: list[Claimed] = []

                def claim(tx: Tx) -> None:
                    # The transaction is repeated after a serialization conflict.
                    claims[:] = [delivery.claim(tx, open_channels.rules, channels)]

                yield claim if any(rule.slots > 0 for rule in channels.values()) else None
                for claimed in claims:
                    await self._begin(open_channels, claimed)

    async def _take_turn(self, open_channels: OpenChannels) -> Instant | None:
        ended, back = self._sends.take(RECORDED_AT_ONCE)
        channels = {} if self._stopping else self._channel_rules(open_channels)
        if not ended and not back and not any(rule.slots > 0 for rule in channels.values()):
            return None
        claimed, results = await self._write(open_channels.rules, channels, ended, back)
        await self._begin(open_channels, claimed)
        for ending, result in zip(ended, results, strict=True):
            self._log_outcome(ending.job, ending.end, result)
        return self._database.now() if self._sends.unrecorded_count else claimed.next_at

    async def _begin(self, open_channels: OpenChannels, claimed: Claimed) -> None:
        """Start sending the claimed deliveries after their commit."""
        self._sends.wait_until_idle(claimed.needs)
        for id_, outcome in claimed.died:
            log.error("delivery_dead", delivery=id_, reason=outcome.value)
        opened = open_channels.channels
        self._sends.add([Sending(job=job, sender=opened[job.channel].sender) for job in claimed.jobs])
        await asyncio.sleep(0)

    async def _write(
        self, rules: AlertingRules, channels: Mapping[str, ChannelRules], ended: list[Ended], back: list[Job]
    ) -> tuple[Claimed, Sequence[Result | None]]:
        def work(tx: Tx) -> tuple[Claimed, Sequence[Result | None]]:
            results = delivery.settle(tx, ended)
            delivery.give_back(tx, back)
            return delivery.claim(tx, rules, channels), results

        try:
            return await self._database.write(work, limit=LOOP)
        except StoreBroken:
            raise
        except asyncio.CancelledError:
            self._sends.put_back(ended, back)
            raise
        except (StoreUnavailable, StoreFull) as error:
            self._log_unrecorded(ended, error)
            self._sends.put_back(ended, back)
            raise
        except StoreError as error:
            if len(ended) + len(back) < 2:
                self._log_unrecorded(ended, error)
                raise
            return Claimed(), await self._one_by_one(rules, ended, back)

    async def _one_by_one(
        self, rules: AlertingRules, ended: list[Ended], back: list[Job]
    ) -> Sequence[Result | None]:
        """Repeat a refused batch row by row, so that one bad row affects only itself."""
        results: list[Result | None] = []
        for ending in ended:
            try:
                _, (result,) = await self._write(rules, {}, [ending], [])
            except StoreError:
                result = None
            results.append(result)
        for job in back:
            with suppress(StoreError):
                await self._write(rules, {}, [], [job])
        return results

    def _log_unrecorded(self, ended: Collection[Ended], error: StoreError) -> None:
        for ending in ended:
            log.error("outcome_log_unrecorded", delivery=ending.job.id, error=str(error))

    def _channel_rules(self, open_channels: OpenChannels) -> dict[str, ChannelRules]:
        return {
            name: self._rule(name, channel, open_channels.rules)
            for name, channel in open_channels.channels.items()
        }

    def _rule(self, name: str, channel: OpenChannel, rules: AlertingRules) -> ChannelRules:
        targets = len(rules.targets.get(name, ()))
        return ChannelRules(
            name=name,
            rate_limit=channel.rate_limit,
            digest=channel.digest,
            pace=channel.pace,
            slots=self._sends.free(name, slots=channel.concurrency, targets=targets),
            action_links=channel.action_links,
            share=share_of(channel.concurrency * (1 + AHEAD), targets),
            idle=self._sends.idle(name),
        )

    async def _send(self, sending: Sending) -> Ended:
        job = sending.job
        started = self._database.now()
        self._metrics.in_flight.labels(job.channel).inc()
        try:
            end = await attempt(sending.sender, job, deadline=self._deadline)
        except asyncio.CancelledError:
            end = SendError(Outcome.AMBIGUOUS, "the service was stopped while it was sending")
        finally:
            self._metrics.in_flight.labels(job.channel).dec()
        took = self._database.now() - started
        self._metrics.notifications.labels(job.channel).inc()
        self._metrics.latency.labels(job.channel).observe(max(0, took) / SECOND)
        return Ended(job=job, end=end, jitter=self._jitter())

    def _log_outcome(self, job: Job, ended: Receipt | SendError, result: Result | None) -> None:
        outcome = Outcome.DELIVERED if isinstance(ended, Receipt) else ended.outcome
        told = [item.incident for item in job.message.told]
        said = {
            "delivery": job.id,
            "channel": job.channel,
            "target": job.address,
            "incidents": len(told) + job.message.more,
            "events": job.message.events or sum(incident.count for incident in told),
        }
        if outcome is Outcome.DELIVERED:
            self._metrics.delay.labels(job.channel).observe(
                max(0, self._database.now() - job.created_at) / SECOND
            )
            log.info("delivered", reason=job.reason.value, **said)
        else:
            self._metrics.failed.labels(job.channel, outcome.value).inc()
            log.warning("attempt_failed", outcome=outcome.value, detail=ended.detail, **said)
        log.debug(
            "delivery_ids",
            delivery=job.id,
            incidents=[incident.id for incident in told],
            events=[item.latest_event.get("id") for item in told if item.latest_event],
        )
        if result is None:
            log.warning("lease_lost", **said)
        elif result.state is DeliveryState.DEAD:
            self._metrics.dead.labels(job.channel, result.outcome.value).inc()
            log.error("delivery_dead", reason=result.outcome.value, **said)

    async def sweep_step(self) -> None:
        """Sweep, then wait until the next sweep is due."""
        swept = await self.sweep()
        await self._sweep.wait_until(swept.next_at, now=self._database.now())

    async def sweep(self, *, restarted: bool = False) -> Swept:
        with self._use() as open_channels:
            swept = await self._database.write(
                lambda tx: delivery.sweep(
                    tx, open_channels.rules, open_channels.fallback, restarted=restarted
                ),
                limit=LOOP,
            )
        for id_ in swept.lost:
            log.warning("worker_lost", delivery=id_)
        for id_ in swept.expired:
            log.error("delivery_dead", delivery=id_, reason=Outcome.EXPIRED.value)
        for id_ in swept.told:
            log.warning("told_fallback", delivery=id_, fallback=open_channels.fallback)
        for id_ in swept.fallback_failed:
            self._metrics.fallback_failed.inc()
            log.critical("fallback_failed", delivery=id_, fallback=open_channels.fallback)
        return swept

    async def ended(self, senders: Collection[Channel]) -> bool:
        """Wait until no claim uses these senders any more. Returns whether any did."""
        waited = bool(self._sends.give_up(senders))
        while sends := self._sends.on(senders):
            waited = True
            await asyncio.wait(sends)
        if waited:
            await self._all_recorded()
        return waited

    async def drain(self, within: Duration) -> None:
        """Begin no further sends, and wait for those in flight.

        After `within` milliseconds they count as ambiguous.
        """
        self._stopping = True
        self._sends.give_up()
        with suppress(TimeoutError):
            async with asyncio.timeout(within / 1000):
                await self._all_recorded()
                while self._sends.in_flight:
                    await asyncio.wait(self._sends.in_flight, return_when=asyncio.FIRST_COMPLETED)
                    await self._all_recorded()
        for task in self._sends.in_flight:
            task.cancel()
        with suppress(TimeoutError):
            async with asyncio.timeout(RECORD_LAST_S):
                if self._sends.in_flight:
                    await asyncio.wait(self._sends.in_flight)
                await self._all_recorded()

    async def _all_recorded(self) -> None:
        """Record outcomes until none are left, retrying while the store is unavailable.

        The caller bounds the time.
        """
        while True:
            try:
                await self.turn()
            except StoreBroken:
                return
            except StoreError:
                await asyncio.sleep(RECORD_AGAIN / 1000)
            if not self._sends.unrecorded_count:
                return
