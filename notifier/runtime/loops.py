"""The loops of the running service, and its housekeeping."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from notifier.alerting.loops import step as alerting_step
from notifier.domain.errors import StoreBroken
from notifier.domain.time import SECOND, Duration
from notifier.runtime.service import Runtime
from notifier.store import housekeeping
from notifier.store.database import HOUSEKEEPING
from notifier.telemetry.loop import Loop
from notifier.telemetry.watchdog import LIMIT, LONG_LIMIT

HOUSEKEEPING_REST: Duration = 5 * SECOND


def loops_of(runtime: Runtime) -> tuple[Loop, ...]:
    """Every loop of a running service, none of them started."""
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
            clock=database,
            broken=broken,
            limit=LONG_LIMIT if name == "housekeeping" else LIMIT,
        )
        for name, step in steps.items()
    )


async def _keep(runtime: Runtime, keeper: housekeeping.Housekeeper) -> None:
    """One turn of housekeeping: small batches, last in the writer's queue."""
    keeper.retention = runtime.settings.retention
    more = await runtime.database.write(keeper.turn, housekeeping=True, limit=HOUSEKEEPING)
    if not more:
        figures = await runtime.database.read(housekeeping.figures, limit=HOUSEKEEPING)
        runtime.metrics.oldest.set(figures.oldest_age / SECOND)
        runtime.metrics.database_bytes.set(figures.bytes)
        runtime.metrics.show_states(figures.by_state)
        await asyncio.sleep(HOUSEKEEPING_REST / 1000)
