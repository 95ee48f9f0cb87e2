"""The loops of the running service, housekeeping included."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

from notifier.alerting.loops import step as alerting_step
from notifier.domain.errors import StoreBroken
from notifier.domain.time import HOUR, SECOND, Duration, Instant
from notifier.runtime.housekeeper import Housekeeper
from notifier.runtime.service import Runtime
from notifier.store import housekeeping, replicas, search_index
from notifier.store.database import HOUSEKEEPING
from notifier.telemetry.loop import Loop
from notifier.telemetry.watchdog import LIMIT, LONG_LIMIT

HOUSEKEEPING_PAUSE: Duration = 5 * SECOND
CATCH_UP_PAUSE: Duration = 100
REPLICA_HEARTBEAT_INTERVAL: Duration = 30 * SECOND
REPLICAS_KEPT: Duration = HOUR


def loops_of(runtime: Runtime) -> tuple[Loop, ...]:
    """All loops of a running service, not started."""
    database, alerting = runtime.database, runtime.alerting
    attention, groups = database.signals.subscribe("attention"), database.signals.subscribe("groups")
    quiet = database.signals.subscribe("ends")
    heartbeat = ReplicaHeartbeat(runtime)
    keeper = Housekeeper(retention=runtime.settings.retention, max_size=runtime.settings.database.max_size)

    async def ends() -> Instant | None:
        await runtime.timekeeper.check()
        return await alerting.auto_resolve()

    def broken(error: StoreBroken) -> None:
        runtime.broken.set(str(error))

    steps: dict[str, Callable[[], Any]] = {
        "ingest": runtime.commit.step,
        "attention": lambda: alerting_step(database, attention, alerting.route_incidents),
        "groups": lambda: alerting_step(database, groups, alerting.flush),
        "quiet": lambda: alerting_step(database, quiet, ends),
        "delivery": runtime.dispatcher.step,
        "sweep": runtime.dispatcher.sweep_step,
        "processes": runtime.watch.step,
        "monitors": runtime.monitors.step,
        "backups": runtime.backups.step,
        "housekeeping": lambda: _housekeep(runtime, keeper, heartbeat),
    }
    return tuple(
        Loop(
            name,
            step,
            clock=database,
            broken=broken,
            limit=LONG_LIMIT if name == "housekeeping" else LIMIT,
        )
        for name, step in steps.items()
    )


class ReplicaHeartbeat:
    """Records regularly that this replica is alive. A SQLite file has only one process, so it is skipped there."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._next = 0.0

    async def beat(self) -> None:
        database, now = self._runtime.database, time.monotonic()
        if database.dialect == "sqlite" or now < self._next:
            return
        version = self._runtime.settings.version
        await database.write(
            lambda tx: replicas.beat(tx, version, forget_before=tx.now - REPLICAS_KEPT),
            housekeeping=True,
            limit=HOUSEKEEPING,
        )
        self._next = now + REPLICA_HEARTBEAT_INTERVAL / SECOND


async def _housekeep(runtime: Runtime, keeper: Housekeeper, heartbeat: ReplicaHeartbeat) -> None:
    """One turn of housekeeping: small batches, behind other writes."""
    await heartbeat.beat()
    await runtime.keyring.record_uses()
    keeper.retention = runtime.settings.retention
    more = await runtime.database.write(keeper.turn, housekeeping=True, limit=HOUSEKEEPING)
    if not more and await runtime.database.write(
        search_index.catch_up, housekeeping=True, limit=HOUSEKEEPING
    ):
        # After a storm or an upgrade there is much to remove, so other writers get their turn.
        await asyncio.sleep(CATCH_UP_PAUSE / 1000)
    elif not more:
        figures = await runtime.database.read(housekeeping.figures, limit=HOUSEKEEPING)
        runtime.metrics.oldest.set(figures.oldest_age / SECOND)
        runtime.metrics.database_bytes.set(figures.bytes)
        runtime.metrics.set_states(figures.by_state)
        if runtime.books.check_is_due:
            await runtime.books.check()
        await asyncio.sleep(HOUSEKEEPING_PAUSE / 1000)
