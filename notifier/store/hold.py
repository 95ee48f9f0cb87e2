"""The hold: one row for all replicas. During a hold, deliveries, the fallback and escalation steps wait."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import sqlalchemy as sa

from notifier.domain.delivery import DeliveryState
from notifier.domain.notification import HeldBy, Reason
from notifier.domain.time import Duration, Instant
from notifier.store import silences
from notifier.store.compiled import execute, upsert
from notifier.store.database import TOPICS, Dialect, Tx
from notifier.store.schema import Big, deliveries, groups, instance, notifications, targets

REF = HeldBy.HOLD.value
"""The name of the row, and the value of `members.hold_ref` for a step that waits for the release."""

# Tests are sent: after restoring a backup, people try the channels first.
_WAITS = (deliveries.c.state == DeliveryState.PENDING.value, deliveries.c.reason != Reason.TEST.value)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryHold:
    """Since when deliveries are held, and who or what requested it."""

    since: Instant
    by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldDeliveries:
    """How many deliveries of one channel wait for the release. `route` is the route's key, None without a group."""

    channel: str
    route: str | None
    count: int


def begin(tx: Tx, *, by: str) -> bool:
    """Begin a hold. Returns False if there was one already."""
    made = upsert(tx.dialect, instance).values(name=REF, value=by, at=tx.now)
    return tx.run(made.on_conflict_do_nothing()).rowcount == 1


def current(tx: Tx) -> DeliveryHold | None:
    row = execute(tx, _current, {"name": REF}).one_or_none()
    return None if row is None else DeliveryHold(since=row.at, by=row.value or "")


def _current(_dialect: Dialect) -> sa.ClauseElement:
    return sa.select(instance).where(instance.c.name == sa.bindparam("name", type_=sa.Text()))


def waiting(tx: Tx) -> tuple[HeldDeliveries, ...]:
    """Deliveries that wait for the release, largest counts first, including those merged into newer messages."""
    n = sa.func.count().label("n")
    rows = tx.run(
        sa.select(deliveries.c.channel, groups.c.route, n)
        .join(notifications, notifications.c.id == deliveries.c.notification)
        .outerjoin(groups, groups.c.id == notifications.c.group_id)
        .where(*_WAITS)
        .group_by(deliveries.c.channel, groups.c.route)
        .order_by(n.desc(), deliveries.c.channel, groups.c.route)
    )
    return tuple(HeldDeliveries(channel=row.channel, route=row.route, count=row.n) for row in rows)


def release(tx: Tx, *, expires_after: Duration, fallback_after: Duration | None) -> int | None:
    """End the hold. Returns how many deliveries it releases, or None if there was none.

    Expiry and fallback of the deliveries count from now.
    """
    if tx.run(sa.delete(instance).where(instance.c.name == REF)).rowcount == 0:
        return None
    fallback_at = sa.literal(None if fallback_after is None else tx.now + fallback_after, Big)
    values: Mapping[str, object] = {
        "expires_at": tx.now + expires_after,
        "fallback_at": sa.case((deliveries.c.fallback_at.is_not(None), fallback_at)),
    }
    count = tx.run(sa.update(deliveries).where(*_WAITS).values(**values)).rowcount
    pending = sa.select(deliveries.c.target).where(*_WAITS)
    tx.run(sa.update(targets).where(targets.c.id.in_(pending)).values(due_at=tx.now))
    silences.release(tx, REF)
    for topic in TOPICS:
        tx.signal(topic)
    return count
