"""The hold on deliveries: what waits for its end, and its release."""

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
    """The number of a channel's waiting deliveries, by the name of their route. None if they belong to no group."""

    channel: str
    route: str | None
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldState:
    """The hold, None if there is none, and what waits. `released` is the number of deliveries that a release sent."""

    hold: DeliveryHold | None
    waiting: tuple[WaitingDeliveries, ...]
    released: int = 0


async def show(database: Database, rules: AlertingRules) -> HoldState:
    """The hold, and what its release would send."""
    return await database.read(lambda tx: HoldState(hold=rows.current(tx), waiting=_waiting(tx, rules)))


async def release(database: Database, rules: AlertingRules, actor: Actor) -> HoldState:
    """Ends the hold. Repeating it changes nothing."""

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
