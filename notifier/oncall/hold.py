"""The hold: what waits for its end, and who ends it."""

from __future__ import annotations

from dataclasses import dataclass

from notifier.oncall.actor import Actor
from notifier.policy.rules import AlertingRules
from notifier.store import hold as rows
from notifier.store.database import Database, Tx
from notifier.store.hold import DeliveryHold

SUBJECT = "hold"


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitingDeliveries:
    """How many deliveries of one channel wait, by the name of the route that told; None: about no group."""

    channel: str
    route: str | None
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldState:
    """Whether deliveries are held, and what waits; `released` is how many a release has just let go."""

    hold: DeliveryHold | None
    waiting: tuple[WaitingDeliveries, ...]
    released: int = 0


async def show(database: Database, rules: AlertingRules) -> HoldState:
    """The hold, and what would be sent at its end."""
    return await database.read(lambda tx: HoldState(hold=rows.current(tx), waiting=_waiting(tx, rules)))


async def release(database: Database, rules: AlertingRules, actor: Actor) -> HoldState:
    """End the hold; the same again changes nothing."""

    def work(tx: Tx) -> HoldState:
        released = rows.release(tx, expires_after=rules.expires_after, fallback_after=rules.fallback_after)
        if released is not None:
            actor.record(tx, "release", SUBJECT, f"{released} deliveries")
        return HoldState(hold=None, waiting=(), released=released or 0)

    return await database.write(work)


def _waiting(tx: Tx, rules: AlertingRules) -> tuple[WaitingDeliveries, ...]:
    return tuple(
        WaitingDeliveries(
            channel=row.channel,
            route=rules.route(row.route).name
            if row.route is not None and rules.has_route(row.route)
            else None,
            count=row.count,
        )
        for row in rows.waiting(tx)
    )
