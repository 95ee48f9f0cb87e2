"""Wires everything on one exit stack; the only importer of concrete stores and channels."""

from __future__ import annotations

import asyncio
import os
import random
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from notifier import settings as configuration
from notifier.alerting.loops import Alerting
from notifier.alerting.loops import step as alerting_step
from notifier.channels import registry
from notifier.channels.base import Toolbox
from notifier.channels.http import GuardedClient
from notifier.channels.registry import ChannelConfig
from notifier.delivery.dispatcher import Dispatcher, OpenChannel
from notifier.domain.delivery import DeliveryState
from notifier.domain.errors import ConfigError, Problem, StoreBroken, StoreError
from notifier.domain.event import Severity
from notifier.domain.incident import Incident, State
from notifier.domain.message import Message, Origin, Told
from notifier.domain.notification import Reason
from notifier.domain.time import SECOND, Duration, Instant
from notifier.ingest.commit import GroupCommit
from notifier.ingest.normalize import Normalizer
from notifier.ingest.quota import Quota
from notifier.settings import ChannelBlock, Settings
from notifier.store import housekeeping, keys, ledger, migrate, outbox
from notifier.store.alerting import Plan
from notifier.store.database import Database, Tx
from notifier.store.schema import deliveries, targets
from notifier.store.sqlite import SqliteDatabase, create_engine
from notifier.telemetry.clock import Clock, SystemClock
from notifier.telemetry.ids import uuid7
from notifier.telemetry.logging import get
from notifier.telemetry.loop import Loop
from notifier.telemetry.metrics import Metrics

BEATS_WITHIN: Duration = 30 * SECOND
DRAIN: Duration = 20 * SECOND
TEST_PATIENCE: Duration = 40 * SECOND
READY_FOR: Duration = SECOND

log = get("notifier.runtime")


class NeedsUpgrade(StoreError):
    """The schema is behind, and on PostgreSQL only a person upgrades it: run `notifier db upgrade`."""


# --- Configuration ------------------------------------------------------------------------------------------


def load(path: str | None, environ: Mapping[str, str]) -> tuple[Settings, Mapping[str, ChannelConfig]]:
    """Read and validate everything; `ConfigError` with every problem at once."""
    configs: dict[str, ChannelConfig] = {}
    private = [False]

    def check_channel(block: ChannelBlock) -> Iterable[Problem]:
        found = registry.validate(block, allow_private=private[0])
        if isinstance(found, ChannelConfig):
            configs[block.name] = found
            return ()
        return found

    settings = configuration.load(path, environ, check_channel=check_channel)
    if settings.delivery.allow_private_addresses:
        private[0] = True
        configs = {block.name: _valid(block, allow_private=True) for block in settings.channels.values()}
    return settings, configs


def _valid(block: ChannelBlock, *, allow_private: bool) -> ChannelConfig:
    found = registry.validate(block, allow_private=allow_private)
    if isinstance(found, ChannelConfig):
        return found
    raise ConfigError(found)


def check(path: str | None, environ: Mapping[str, str]) -> tuple[tuple[Problem, ...], tuple[Problem, ...]]:
    """(errors, warnings) of a configuration."""
    try:
        settings, _ = load(path, environ)
    except ConfigError as error:
        return error.problems, ()
    return (), settings.warnings


def schema() -> dict[str, Any]:
    """JSON Schema of the configuration file, every kind of channel included."""
    return configuration.json_schema(registry.json_schema())


# --- The database -------------------------------------------------------------------------------------------


def sqlite_path(url: str) -> Path | None:
    """The file of a `sqlite:///` URL; None: it is PostgreSQL."""
    if not url.startswith("sqlite:"):
        return None
    return Path(sa.make_url(url).database or "notifier.db")


async def open_database(settings: Settings, *, clock: Clock | None = None) -> Database:
    """Open it; SQLite migrates itself, PostgreSQL is refused while its schema is behind."""
    path = sqlite_path(settings.database.url)
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        database: Database = SqliteDatabase(
            path, clock=clock or SystemClock(), max_size=settings.database.max_size
        )
        try:
            await database.write(lambda tx: migrate.upgrade(tx.conn))
        except StoreError:
            await database.aclose()
            raise
        return database
    from notifier.store.postgres import PostgresDatabase  # noqa: PLC0415 - asyncpg is an extra

    opened = await PostgresDatabase.open(settings.database.url, replica=replica_name(), clock=clock)
    version = await opened.read(lambda tx: migrate.current(tx.conn))
    if version != migrate.HEAD:
        await opened.aclose()
        raise NeedsUpgrade(
            f"the database's schema is at {version or 'nothing'} and this notifier needs {migrate.HEAD}: "
            "run `notifier db upgrade` once, then start again"
        )
    return opened


def replica_name() -> str:
    """This process among the replicas of one database."""
    return f"{os.uname().nodename}-{os.getpid()}"[:64]


async def upgrade_database(settings: Settings) -> str:
    path = sqlite_path(settings.database.url)
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        database: Database = SqliteDatabase(path, clock=SystemClock())
    else:
        from notifier.store.postgres import PostgresDatabase  # noqa: PLC0415 - asyncpg is an extra

        database = await PostgresDatabase.open(settings.database.url, replica=replica_name())
    try:
        return await database.write(lambda tx: migrate.upgrade(tx.conn))
    finally:
        await database.aclose()


def upgrade(path: str | None, environ: Mapping[str, str]) -> str:
    """`notifier db upgrade`: what was done, in a sentence."""
    settings, _ = load(path, environ)
    return asyncio.run(upgrade_database(settings))


def create_key_offline(
    path: str | None, environ: Mapping[str, str], project: str, name: str, scopes: Sequence[str]
) -> str:
    """`notifier keys create --offline`: a new key, written under the database's lock."""
    settings, _ = load(path, environ)

    async def create() -> str:
        database = await open_database(settings)
        try:
            return await new_key(database, project=project, name=name, scopes=scopes)
        finally:
            await database.aclose()

    return asyncio.run(create())


async def new_key(database: Database, *, project: str, name: str, scopes: Sequence[str]) -> str:
    secret = keys.make_secret()
    await database.write(
        lambda tx: keys.create(tx, id_=uuid7(), secret=secret, project=project, name=name, scopes=scopes)
    )
    return secret


# --- The service --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class TestOutcome:
    """What became of one delivery of a channel test."""

    target: str
    delivery: str
    outcome: str
    detail: str | None


@dataclass(slots=True, kw_only=True)
class Runtime:
    """The running service, as the API sees it."""

    settings: Settings
    database: Database
    plan: Plan
    channels: Mapping[str, ChannelConfig]
    metrics: Metrics
    new_id: Callable[[], str]
    normalizer: Normalizer
    commit: GroupCommit
    events_quota: Quota
    incidents_quota: Quota
    dispatcher: Dispatcher
    alerting: Alerting
    loops: tuple[Loop, ...] = ()
    broken: asyncio.Event = field(default_factory=asyncio.Event)
    stopping: bool = False
    _ready: tuple[Instant, tuple[str, ...]] = (0, ())

    async def ready(self) -> tuple[str, ...]:
        """Why it is not ready; empty: a commit works and every loop beats."""
        now = self.database.now()
        if self._ready[0] and 0 <= now - self._ready[0] < READY_FOR and not self.stopping:
            return self._ready[1]
        problems = [
            f"the {loop.name} loop has not moved for {(now - loop.beat) // SECOND} s"
            for loop in self.loops
            if now - loop.beat > BEATS_WITHIN
        ]
        if self.stopping:
            problems.append("the service is stopping")
        try:
            async with asyncio.timeout(5):
                await self.database.write(lambda tx: ledger.add(tx, {"probes": 1}))
        except (StoreError, TimeoutError) as error:
            problems.append(str(error) or "a commit takes more than five seconds")
        self._ready = (now, tuple(problems))
        self.metrics.ready.set(0 if problems else 1)
        return self._ready[1]

    async def test_channel(self, name: str, project: str, actor: str) -> tuple[TestOutcome, ...]:
        """Send a real message to every target of a channel and wait for what becomes of it."""
        message = _test_message(name, project, actor, self.database.now(), self.settings.server.url)
        ids = await self.database.write(
            lambda tx: outbox.enqueue_test(tx, self.plan, project=project, channel=name, message=message)
        )
        until = self.database.now() + TEST_PATIENCE
        while True:
            rows = await self.database.read(lambda tx: _outcomes(tx, ids))
            unfinished = any(row.finished_at is None for row in rows)
            if not unfinished or self.database.now() > until:
                break
            await asyncio.sleep(0.05)
        return tuple(
            TestOutcome(
                target=row.address,
                delivery=row.id,
                outcome=row.outcome or "pending",
                detail=row.detail
                if row.finished_at is not None
                else "no outcome yet: look at the delivery later",
            )
            for row in rows
        )

    async def backup(self, path: Path) -> None:
        """Write a consistent copy of the SQLite file."""
        source = sqlite_path(self.settings.database.url)
        if source is None:
            raise StoreError("PostgreSQL is backed up with pg_dump")
        await asyncio.to_thread(_copy, source, path)


def _outcomes(tx: Tx, ids: Sequence[str]) -> Sequence[sa.Row[Any]]:
    return tx.run(
        sa.select(deliveries, targets.c.address)
        .join(targets, targets.c.id == deliveries.c.target)
        .where(deliveries.c.id.in_(ids))
        .order_by(deliveries.c.id)
    ).all()


def _copy(source: Path, path: Path) -> None:
    # A reader's own connection: closing a plain file descriptor on the database would drop its locks.
    engine = create_engine(source, read_only=True)
    target = sqlite3.connect(path)
    try:
        with engine.connect() as connection:
            raw = connection.connection.driver_connection
            assert isinstance(raw, sqlite3.Connection)
            raw.backup(target, pages=1024)
    finally:
        target.close()
        engine.dispose()


def _test_message(name: str, project: str, actor: str, now: Instant, url: str | None) -> Message:
    labels = {"service": "notifier", "environment": "production", "severity": "info", "project": project}
    incident = Incident(
        id="00000000-0000-7000-8000-000000000000",
        number=0,
        project=project,
        environment="production",
        fingerprint="test",
        title="Test message: this channel works",
        state=State.OPEN,
        severity=Severity.INFO,
        labels=labels,
        count=1,
        first_seen=now,
        last_seen=now,
        url=url,
    )
    return Message(
        id="",
        reason=Reason.TEST,
        at=now,
        project=project,
        group=None,
        labels={"service": "notifier", "environment": "production"},
        told=(Told(incident=incident, reason=Reason.TEST),),
        totals={"test": 1},
        origin=Origin(route="test"),
        note=f"A test of the channel {name}, asked for by {actor}. Nothing is wrong.",
        thread_id="",
    )


@asynccontextmanager
async def running(
    settings: Settings,
    configs: Mapping[str, ChannelConfig],
    *,
    clock: Clock | None = None,
    drain: Duration = DRAIN,
) -> AsyncIterator[Runtime]:
    """Everything open and every loop beating; on leaving, sends in flight are drained for `drain` milliseconds."""
    async with AsyncExitStack() as stack:
        database = await open_database(settings, clock=clock)
        stack.push_async_callback(database.aclose)
        http = GuardedClient(allow_private=settings.delivery.allow_private_addresses)
        stack.push_async_callback(http.aclose)
        toolbox = Toolbox(clock=_DatabaseClock(database), http=http)
        opened: dict[str, OpenChannel] = {}
        for name, config in configs.items():
            sender = registry.open(config, toolbox)
            stack.push_async_callback(sender.aclose)
            opened[name] = OpenChannel(
                sender=sender,
                rate_limit=config.rate_limit,
                digest=config.digest,
                pace=config.pace,
                concurrency=config.concurrency,
            )
        runtime = await _assemble(settings, configs, database, opened)
        if database.dialect == "sqlite":
            await runtime.dispatcher.sweep(restarted=True)
        tasks = [asyncio.create_task(loop.run(), name=loop.name) for loop in runtime.loops]
        try:
            yield runtime
        finally:
            runtime.stopping = True
            await runtime.dispatcher.drain(drain)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


@dataclass(frozen=True, slots=True)
class _DatabaseClock:
    database: Database

    def now(self) -> Instant:
        return self.database.now()


async def _assemble(
    settings: Settings,
    configs: Mapping[str, ChannelConfig],
    database: Database,
    opened: Mapping[str, OpenChannel],
) -> Runtime:
    metrics = Metrics()
    wanted = {name: config.targets for name, config in configs.items()}
    rows = await database.write(lambda tx: outbox.sync_targets(tx, wanted))
    plan = Plan(
        tree=settings.route,
        routes={route.key: route for route in settings.route.walk()},
        targets=rows,
        url=settings.server.url,
        expires_after=settings.delivery.expires_after,
        fallback_after=None if settings.fallback is None else settings.delivery.fallback_after,
        new_id=uuid7,
    )
    events_quota = Quota(settings.ingest.rate_limit.count, settings.ingest.rate_limit.per)
    incidents_quota = Quota(settings.ingest.new_incidents.count, settings.ingest.new_incidents.per)

    def opened_incidents(key: str, count: int) -> None:
        incidents_quota.take(key, count, database.now())

    alerting = Alerting(
        database=database, plan=lambda: plan, auto_resolve=settings.auto_resolve, metrics=metrics
    )
    dispatcher = Dispatcher(
        database,
        plan=lambda: plan,
        channels=opened,
        fallback=settings.fallback,
        metrics=metrics,
        jitter=lambda: random.uniform(-1, 1),  # noqa: S311 - spreads retries, guards nothing
    )
    commit = GroupCommit(
        database,
        new_id=uuid7,
        room=lambda key: incidents_quota.room(key, database.now()),
        opened=opened_incidents,
        metrics=metrics,
    )
    runtime = Runtime(
        settings=settings,
        database=database,
        plan=plan,
        channels=configs,
        metrics=metrics,
        new_id=uuid7,
        normalizer=Normalizer(max_event_bytes=settings.ingest.max_event_bytes, new_id=uuid7),
        commit=commit,
        events_quota=events_quota,
        incidents_quota=incidents_quota,
        dispatcher=dispatcher,
        alerting=alerting,
    )
    runtime.loops = _loops(runtime)
    return runtime


def _loops(runtime: Runtime) -> tuple[Loop, ...]:
    database, alerting = runtime.database, runtime.alerting
    attention, groups = database.signals.waiter("attention"), database.signals.waiter("groups")
    quiet = database.signals.waiter()
    keeper = housekeeping.Keeper(
        retention=runtime.settings.retention, max_size=runtime.settings.database.max_size
    )

    def broken(error: StoreBroken) -> None:
        log.critical("store_broken", error=str(error))
        runtime.broken.set()

    steps: dict[str, Callable[[], Any]] = {
        "ingest": runtime.commit.step,
        "attention": lambda: alerting_step(database, attention, alerting.attend),
        "groups": lambda: alerting_step(database, groups, alerting.flush),
        "quiet": lambda: alerting_step(database, quiet, alerting.resolve_quiet),
        "delivery": runtime.dispatcher.step,
        "sweep": runtime.dispatcher.sweep_step,
        "housekeeping": lambda: _keep(runtime, keeper),
    }
    return tuple(
        Loop(name, step, clock=_DatabaseClock(database), broken=broken) for name, step in steps.items()
    )


async def _keep(runtime: Runtime, keeper: housekeeping.Keeper) -> None:
    """One turn of housekeeping: small batches, last in the writer's queue."""
    more = await runtime.database.write(keeper.turn, housekeeping=True)
    if not more:
        figures = await runtime.database.read(housekeeping.figures)
        _show(runtime.metrics, figures)
        await asyncio.sleep(HOUSEKEEPING_REST / 1000)


HOUSEKEEPING_REST: Duration = 5 * SECOND


def _show(metrics: Metrics, figures: housekeeping.Figures) -> None:
    metrics.oldest.set(figures.oldest_age / SECOND)
    metrics.database_bytes.set(figures.bytes)
    for state in DeliveryState:
        metrics.deliveries.labels(state.value).set(figures.by_state.get(state.value, 0))


def refresh_accounting(metrics: Metrics, accounting: ledger.Accounting) -> None:
    """Put the equations' terms into the metrics."""
    for term in (
        "accepted",
        "counted",
        "pruned_events",
        "duplicates",
        "untold",
        "created",
        "pruned_deliveries",
    ):
        metrics.accounting.labels(term).set(getattr(accounting, term))
    metrics.balanced.set(1 if accounting.balanced else 0)


__all__ = ["Runtime", "check", "load", "running", "schema", "upgrade"]
