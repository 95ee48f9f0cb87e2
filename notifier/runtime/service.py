"""The running service: everything open, every loop beating."""

from __future__ import annotations

import asyncio
import os
import random
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from notifier.alerting.loops import Alerting
from notifier.alerting.loops import step as alerting_step
from notifier.channels.callbacks import Callbacks
from notifier.channels.registry import ChannelConfig
from notifier.delivery.dispatcher import Dispatcher
from notifier.domain.delivery import DeliveryState
from notifier.domain.errors import StoreBroken, StoreError
from notifier.domain.time import SECOND, Duration, Instant, rfc3339
from notifier.ingest.acceptance import Acceptance
from notifier.ingest.commit import GroupCommit
from notifier.ingest.normalize import Normalizer
from notifier.ingest.processes import ProcessWatch
from notifier.ingest.quota import KeyQuota
from notifier.ingest.run_intake import RunIntake
from notifier.oncall.actor import Actor
from notifier.oncall.channels import ChannelFacts
from notifier.policy.rules import AlertingRules
from notifier.runtime.active_config import ActiveConfig, ChannelPool, CurrentConfig, rules_of, sync_rows
from notifier.runtime.backup import copy
from notifier.runtime.channel_test import test_channel
from notifier.runtime.configuration import load
from notifier.runtime.database import new_database, open_database, sqlite_path
from notifier.runtime.reload import Read, Reloader
from notifier.runtime.running_service import ChannelTestOutcome, Reloaded
from notifier.settings import Settings
from notifier.store import hold as holding
from notifier.store import housekeeping, ledger, restored
from notifier.store.database import HOUSEKEEPING, Broken, Database, Tx
from notifier.telemetry.clock import Clock
from notifier.telemetry.ids import uuid7
from notifier.telemetry.logging import get
from notifier.telemetry.loop import Loop
from notifier.telemetry.metrics import Metrics
from notifier.telemetry.watchdog import LIMIT, LONG_LIMIT, Watchdog

BEATS_WITHIN: Duration = 30 * SECOND
DRAIN: Duration = 20 * SECOND
HOUSEKEEPING_REST: Duration = 5 * SECOND
ACCOUNTED = (
    "accepted", "counted", "pruned_events", "duplicates", "untold", "created", "pruned_deliveries", "shed_samples",
    "shed_deliveries", "shed_task_runs",
)  # fmt: skip
READY_FOR: Duration = SECOND
PROBE: Duration = 3 * SECOND
LOOPS_END_S = 5.0

log = get("notifier.runtime")


@dataclass(slots=True, kw_only=True)
class Runtime:
    """The running service: a `RunningService`, and what only composition and the event endpoint touch."""

    database: Database
    current_config: CurrentConfig
    metrics: Metrics
    new_id: Callable[[], str]
    acceptance: Acceptance
    commit: GroupCommit
    events_quota: KeyQuota
    runs: RunIntake
    watch: ProcessWatch
    dispatcher: Dispatcher
    alerting: Alerting
    reloader: Reloader
    callbacks: Callbacks
    watchdog: Watchdog
    loops: tuple[Loop, ...] = ()
    stopping: bool = False
    _account_after: float = 0.0
    _ready: tuple[Instant, tuple[str, ...]] = (0, ())
    _probing: asyncio.Lock = field(default_factory=asyncio.Lock)

    @property
    def settings(self) -> Settings:
        """The present configuration's, as of those below: a reload replaces all of them at once."""
        return self.current_config.now.settings

    @property
    def broken(self) -> Broken:
        """Set when nothing may be acknowledged any more, or no loop can be trusted to move: the process must end."""
        return self.database.broken

    @property
    def rules(self) -> AlertingRules:
        return self.current_config.now.rules

    @property
    def channels(self) -> Mapping[str, ChannelFacts]:
        """The facts that the configuration gives of each channel, by its name; nothing secret."""
        settings = self.settings
        return {
            name: ChannelFacts(
                type=settings.channels[name].type,
                targets=config.targets,
                rate_limit=config.rate_limit,
                fallback=name == settings.fallback,
            )
            for name, config in self.current_config.now.configs.items()
        }

    async def reload(self, actor: Actor) -> Reloaded:
        """Read the configuration anew. `ConfigError`: it has problems, and the old one goes on."""
        return await self.reloader.reload(actor)

    def apply_settings(self, settings: Settings) -> None:
        """Let ingest follow what was reloaded; what a key has used stays used."""
        limit = settings.ingest.rate_limit
        self.events_quota.allow(limit.count, limit.per)
        self.acceptance.normalizer = Normalizer(
            max_event_bytes=settings.ingest.max_event_bytes, new_id=self.new_id
        )

    async def ready(self) -> tuple[str, ...]:
        """Why it is not ready; empty: a commit works and every loop beats. Many who ask at once cost one commit."""
        async with self._probing:
            return await self._probed()

    async def _probed(self) -> tuple[str, ...]:
        now = self.database.now()
        if self._ready[0] and 0 <= now - self._ready[0] < READY_FOR and not self.stopping:
            return self._ready[1]
        problems = [problem for loop in self.loops if (problem := _still(loop, now))]
        if self.stopping:
            problems.append("the service is stopping")
        try:
            async with asyncio.timeout(5):
                await self.database.write(
                    lambda tx: ledger.add(tx, {"probes": 1}), essential=False, limit=PROBE
                )
        except (StoreError, TimeoutError) as error:
            problems.append(str(error) or "a commit takes more than five seconds")
        self._ready = (now, tuple(problems))
        self.metrics.ready.set(0 if problems else 1)
        return self._ready[1]

    async def test_channel(self, name: str, project: str, actor: str) -> tuple[ChannelTestOutcome, ...]:
        """Send a real message to every target of a channel and wait for what becomes of it."""
        return await test_channel(self.database, self.rules, name=name, project=project, actor=actor)

    async def exposition(self) -> bytes:
        """The metrics' text, with the accounting equations as they stand."""
        if time.monotonic() < self._account_after:
            return self.metrics.render()
        started = time.monotonic()
        try:
            accounting = await self.database.read(ledger.accounting)
            self.metrics.held.set(0 if await self.database.read(holding.current) is None else 1)
        except StoreError:
            return self.metrics.render()  # while the database is away, what memory counts is worth a scrape
        # It reads every incident: with a million of them a scrape must not cost more than a twentieth of the time.
        self._account_after = time.monotonic() + 20 * max(0.0, time.monotonic() - started - 0.25)
        for term in ACCOUNTED:
            self.metrics.accounting.labels(term).set(getattr(accounting, term))
        self.metrics.balanced.set(1 if accounting.balanced else 0)
        _show_states(self.metrics, accounting.by_state)
        return self.metrics.render()

    async def backup(self, path: Path) -> None:
        """Write a consistent copy of the SQLite file."""
        source = sqlite_path(self.settings.database.url)
        if source is None:
            raise StoreError("PostgreSQL is backed up with pg_dump")
        await asyncio.to_thread(copy, source, path)


@asynccontextmanager
async def running(
    settings: Settings,
    configs: Mapping[str, ChannelConfig],
    *,
    clock: Clock | None = None,
    drain: Duration = DRAIN,
    hold: bool = False,
    reread: Read | None = None,
) -> AsyncIterator[Runtime]:
    """A running service: every loop beats. On leaving, sends in flight are drained for `drain` milliseconds.

    `reread` reads what a reload takes; usually the file that `settings` came from. `hold`, or `delivery.hold`, lets
    nothing out before somebody releases it.
    """
    async with AsyncExitStack() as stack:
        made = new_database(settings)
        database = await open_database(settings, clock=clock)
        if made is not None:
            get("notifier.store").info("database_created", file=str(made))
        stack.push_async_callback(database.aclose)
        await _hold(
            database, by="serve --hold" if hold else "delivery.hold" if settings.delivery.hold else None
        )
        await _renumbered(database)
        channel_pool = ChannelPool(_DatabaseClock(database))
        stack.push_async_callback(channel_pool.aclose)
        opened = await channel_pool.open(settings, configs)
        rows = await sync_rows(database, settings, configs)
        current_config = CurrentConfig(
            ActiveConfig(settings=settings, configs=configs, opened=opened, rules=rules_of(settings, rows))
        )
        runtime = _assemble(database, current_config, channel_pool, reread or _reread(settings))
        if database.dialect == "sqlite":
            await runtime.dispatcher.sweep(restarted=True)
            # What was being sent to a target that is gone is pending only now.
            await sync_rows(database, settings, configs)
        runtime.reloader.started()
        stack.push_async_callback(runtime.reloader.aclose)
        stack.push_async_callback(runtime.callbacks.aclose)
        for loop in runtime.loops:
            runtime.watchdog.watch(loop)
        watching = asyncio.create_task(runtime.watchdog.run(), name="watchdog")
        try:
            yield runtime
        finally:
            runtime.stopping = True
            await runtime.dispatcher.drain(drain)
            watching.cancel()
            await asyncio.wait([watching], timeout=LOOPS_END_S)


async def _hold(database: Database, *, by: str | None) -> None:
    """Begin a hold where somebody wants one, and say so where one stands: it outlives restarts."""

    def work(tx: Tx) -> holding.DeliveryHold | None:
        if by is not None:
            holding.begin(tx, by=by)
        return holding.current(tx)

    held = await database.write(work)
    if held is not None:
        log.warning("on_hold", since=rfc3339(held.since), by=held.by, end="notifier release")


async def _renumbered(database: Database) -> None:
    """In a restored backup, incidents go on under numbers that are nobody else's in any mail."""
    if database.dialect != "sqlite":
        return
    following = await database.write(restored.renumber)
    if following is not None:
        log.info("restored_from_a_backup", incidents_continue_at=following)


@dataclass(frozen=True, slots=True)
class _DatabaseClock:
    database: Database

    def now(self) -> Instant:
        return self.database.now()


def _reread(settings: Settings) -> Read:
    """The same file, even where another would now come first; its absence is a problem and no empty configuration."""
    return lambda: load(settings.source, os.environ)


def _group_commit(
    database: Database, current_config: CurrentConfig, new_incidents: KeyQuota, metrics: Metrics
) -> GroupCommit:
    return GroupCommit(
        database,
        new_id=uuid7,
        new_incidents=new_incidents,
        metrics=metrics,
        max_size=current_config.now.settings.database.max_size,
        auto_resolve=lambda: current_config.now.settings.auto_resolve,
    )


def _acceptance(settings: Settings, quota: KeyQuota, commit: GroupCommit, metrics: Metrics) -> Acceptance:
    normalizer = Normalizer(max_event_bytes=settings.ingest.max_event_bytes, new_id=uuid7)
    return Acceptance(normalizer=normalizer, quota=quota, commit=commit, metrics=metrics)


def _assemble(
    database: Database, current_config: CurrentConfig, channel_pool: ChannelPool, reread: Read
) -> Runtime:
    metrics, settings = Metrics(), current_config.now.settings
    new_incidents = KeyQuota(settings.ingest.new_incidents.count, settings.ingest.new_incidents.per)
    events_quota = KeyQuota(settings.ingest.rate_limit.count, settings.ingest.rate_limit.per)
    commit = _group_commit(database, current_config, new_incidents, metrics)
    dispatcher = Dispatcher(
        database,
        use=current_config.use,
        metrics=metrics,
        jitter=lambda: random.uniform(-1, 1),  # noqa: S311 - spreads retries, guards nothing
    )

    def apply_settings(settings: Settings) -> None:
        new_incidents.allow(settings.ingest.new_incidents.count, settings.ingest.new_incidents.per)
        runtime.apply_settings(settings)

    runtime = Runtime(
        database=database,
        current_config=current_config,
        metrics=metrics,
        new_id=uuid7,
        acceptance=_acceptance(settings, events_quota, commit, metrics),
        commit=commit,
        events_quota=events_quota,
        runs=RunIntake(database, metrics=metrics, max_size=settings.database.max_size),
        watch=ProcessWatch(database, new_id=uuid7, metrics=metrics),
        dispatcher=dispatcher,
        alerting=Alerting(database=database, use=current_config.use, metrics=metrics),
        reloader=Reloader(
            database=database,
            current_config=current_config,
            channel_pool=channel_pool,
            dispatcher=dispatcher,
            metrics=metrics,
            read=reread,
            apply_settings=apply_settings,
        ),
        callbacks=Callbacks(use=current_config.use, now=database.now),
        watchdog=Watchdog(
            stalled=lambda name: metrics.loop_stalled.labels(name).inc(), lost=database.broken.set
        ),
    )
    runtime.loops = _loops(runtime)
    for loop in runtime.loops:
        metrics.loop_stalled.labels(loop.name)
    return runtime


def _loops(runtime: Runtime) -> tuple[Loop, ...]:
    database, alerting = runtime.database, runtime.alerting
    attention, groups = database.signals.subscribe("attention"), database.signals.subscribe("groups")
    quiet = database.signals.subscribe()
    keeper = housekeeping.Housekeeper(
        retention=runtime.settings.retention, max_size=runtime.settings.database.max_size
    )

    def broken(error: StoreBroken) -> None:
        runtime.broken.set(str(error))

    steps: dict[str, Callable[[], Any]] = {
        "ingest": runtime.commit.step,
        "attention": lambda: alerting_step(database, attention, alerting.route_incidents),
        "groups": lambda: alerting_step(database, groups, alerting.flush),
        "quiet": lambda: alerting_step(database, quiet, alerting.auto_resolve),
        "delivery": runtime.dispatcher.step,
        "sweep": runtime.dispatcher.sweep_step,
        "processes": runtime.watch.step,
        "housekeeping": lambda: _keep(runtime, keeper),
    }
    return tuple(
        Loop(
            name,
            step,
            clock=_DatabaseClock(database),
            broken=broken,
            limit=LONG_LIMIT if name == "housekeeping" else LIMIT,
        )
        for name, step in steps.items()
    )


def _still(loop: Loop, now: Instant) -> str | None:
    """Why a loop is not one that beats."""
    if loop.stalls:
        return f"the {loop.name} loop stalled {loop.stalls} times in a row and was started again"
    if now - loop.beat > BEATS_WITHIN:
        return f"the {loop.name} loop has not moved for {(now - loop.beat) // SECOND} s"
    return None


async def _keep(runtime: Runtime, keeper: housekeeping.Housekeeper) -> None:
    """One turn of housekeeping: small batches, last in the writer's queue."""
    keeper.retention = runtime.settings.retention
    more = await runtime.database.write(keeper.turn, housekeeping=True, limit=HOUSEKEEPING)
    if not more:
        figures = await runtime.database.read(housekeeping.figures, limit=HOUSEKEEPING)
        _show(runtime.metrics, figures)
        await asyncio.sleep(HOUSEKEEPING_REST / 1000)


def _show(metrics: Metrics, figures: housekeeping.DatabaseFigures) -> None:
    metrics.oldest.set(figures.oldest_age / SECOND)
    metrics.database_bytes.set(figures.bytes)
    _show_states(metrics, figures.by_state)


def _show_states(metrics: Metrics, by_state: Mapping[str, int]) -> None:
    for state in DeliveryState:
        metrics.deliveries.labels(state.value).set(by_state.get(state.value, 0))
