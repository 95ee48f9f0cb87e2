"""The start of the service: opens everything on one exit stack, and wires it together."""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager

from notifier.access.keyring import Keyring
from notifier.alerting.loops import Alerting
from notifier.channels.callbacks import Callbacks
from notifier.channels.http import GuardedClient
from notifier.channels.registry import ChannelConfig
from notifier.delivery.dispatcher import Dispatcher
from notifier.domain.time import SECOND, Duration, rfc3339
from notifier.ingest.acceptance import Acceptance
from notifier.ingest.commit import GroupCommit
from notifier.ingest.normalize import Normalizer
from notifier.ingest.processes import ProcessWatch
from notifier.ingest.quota import KeyQuota
from notifier.ingest.run_intake import RunIntake
from notifier.runtime.active_config import ActiveConfig, ChannelPool, CurrentConfig, rules_of, sync_rows
from notifier.runtime.configuration import load
from notifier.runtime.database import new_database, open_database
from notifier.runtime.file_upgrade import UpgradedFile
from notifier.runtime.loops import loops_of
from notifier.runtime.reload import ReadConfig, Reloader
from notifier.runtime.reload_report import ReloadReport
from notifier.runtime.service import Runtime
from notifier.runtime.settling import Settling
from notifier.runtime.sns import GuardedSnsClient, SnsAuthority
from notifier.settings.model import Settings
from notifier.store import hold as holding
from notifier.store import restored
from notifier.store.database import Database, Tx
from notifier.telemetry.clock import Clock
from notifier.telemetry.ids import uuid7
from notifier.telemetry.logging import get
from notifier.telemetry.metrics import Metrics
from notifier.telemetry.watchdog import Watchdog

DRAIN: Duration = 20 * SECOND
LOOPS_END_S = 5.0

log = get("notifier.runtime")


@asynccontextmanager
async def running(
    settings: Settings,
    configs: Mapping[str, ChannelConfig],
    *,
    clock: Clock | None = None,
    drain: Duration = DRAIN,
    hold: bool = False,
    read_config: ReadConfig | None = None,
) -> AsyncIterator[Runtime]:
    """A running service with all loops started. On exit, sends in flight are drained for `drain` milliseconds.

    `read_config` reads the configuration for a reload, by default the file that `settings` came from. `hold`, or
    `delivery.hold`, keeps all deliveries pending until somebody releases it.
    """
    async with AsyncExitStack() as stack:
        database = await _database(settings, clock)
        stack.push_async_callback(database.aclose)
        await _hold(
            database, by="serve --hold" if hold else "delivery.hold" if settings.delivery.hold else None
        )
        await _skip_used_numbers(database)
        channel_pool = ChannelPool(database)
        stack.push_async_callback(channel_pool.aclose)
        opened = await channel_pool.open(settings, configs)
        rows = await sync_rows(database, settings, configs)
        current_config = CurrentConfig(
            ActiveConfig(
                settings=settings, configs=configs, channel_set=opened, rules=rules_of(settings, rows)
            )
        )
        runtime = _assemble(database, current_config, channel_pool, read_config or _reader(settings), stack)
        await runtime.timekeeper.check()
        if database.dialect == "sqlite":
            await runtime.dispatcher.sweep(restarted=True)
            # What was being sent to a removed target may have become pending only now.
            await sync_rows(database, settings, configs)
        runtime.reloader.started()
        stack.push_async_callback(runtime.reloader.aclose)
        stack.push_async_callback(runtime.callbacks.aclose)
        stack.push_async_callback(runtime.backups.aclose)
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


async def _database(settings: Settings, clock: Clock | None) -> Database:
    new_file = new_database(settings)
    database = await open_database(settings, clock=clock, upgraded=_upgraded)
    if new_file is not None:
        get("notifier.store").info("database_created", file=str(new_file))
    return database


def _upgraded(done: UpgradedFile) -> None:
    if done.copy is None:
        log.warning("database_upgraded_without_a_copy", before=done.before, why=done.no_copy)
    else:
        log.info("database_upgraded", before=done.before, kept=str(done.copy))


async def _hold(database: Database, *, by: str | None) -> None:
    """Begins a hold if requested, and logs an existing one, which outlives restarts."""

    def work(tx: Tx) -> holding.DeliveryHold | None:
        if by is not None:
            holding.begin(tx, by=by)
        return holding.current(tx)

    held = await database.write(work)
    if held is not None:
        log.warning("on_hold", since=rfc3339(held.since), by=held.by, end="notifier release")


async def _skip_used_numbers(database: Database) -> None:
    """Skips incident numbers after a restore, so that new ones do not repeat numbers in earlier messages."""
    following = await database.write(restored.renumber)
    if following is not None:
        log.info("restored_from_a_backup", incidents_continue_at=following)


def _reader(settings: Settings) -> ReadConfig:
    """Reads the same file again, even if another would now be found first. A missing file is a problem."""
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


def _alerting(
    database: Database, current_config: CurrentConfig, dispatcher: Dispatcher, metrics: Metrics
) -> Alerting:
    return Alerting(database=database, use=current_config.use, claiming=dispatcher.claiming, metrics=metrics)


def _watchdog(database: Database, metrics: Metrics) -> Watchdog:
    return Watchdog(stalled=lambda name: metrics.loop_stalled.labels(name).inc(), lost=database.broken.set)


def _dispatcher(database: Database, current_config: CurrentConfig, metrics: Metrics) -> Dispatcher:
    return Dispatcher(
        database,
        use=current_config.use,
        metrics=metrics,
        jitter=lambda: random.uniform(-1, 1),  # noqa: S311 - spreads retries, guards nothing
    )


def _sns(database: Database, stack: AsyncExitStack) -> SnsAuthority:
    """The client for SNS. It is separate, because the channels' address policy does not apply to Amazon."""
    http = GuardedClient(clock=database)
    stack.push_async_callback(http.aclose)
    return SnsAuthority(GuardedSnsClient(http), database.now)


def _assemble(
    database: Database,
    current_config: CurrentConfig,
    channel_pool: ChannelPool,
    read_config: ReadConfig,
    stack: AsyncExitStack,
) -> Runtime:
    metrics, settings = Metrics(), current_config.now.settings
    new_incidents = KeyQuota(settings.ingest.new_incidents.count, settings.ingest.new_incidents.per)
    events_quota = KeyQuota(settings.ingest.rate_limit.count, settings.ingest.rate_limit.per)
    commit = _group_commit(database, current_config, new_incidents, metrics)
    dispatcher = _dispatcher(database, current_config, metrics)
    settling = Settling(
        database=database, current_config=current_config, channel_pool=channel_pool, dispatcher=dispatcher
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
        alerting=_alerting(database, current_config, dispatcher, metrics),
        reloader=Reloader(
            database=database,
            current_config=current_config,
            channel_pool=channel_pool,
            settling=settling,
            report=ReloadReport(database=database, current_config=current_config, metrics=metrics),
            read=read_config,
            apply_settings=apply_settings,
        ),
        callbacks=Callbacks(use=current_config.use, now=database.now),
        watchdog=_watchdog(database, metrics),
        keyring=Keyring(database),
        sns=_sns(database, stack),
    )
    runtime.loops = loops_of(runtime)
    for loop in runtime.loops:
        metrics.loop_stalled.labels(loop.name)
    return runtime
