"""The hold: one row for all replicas. While it stands, deliveries, the fallback and steps of escalation wait."""

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
"""The row's name, and what `members.hold_ref` says of a step that waits for its end."""

# Channel tests pass: whoever restores a backup tries the channels first.
_WAITS = (deliveries.c.state == DeliveryState.PENDING.value, deliveries.c.reason != Reason.TEST.value)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryHold:
    """Since when deliveries are held, and who or what wanted that."""

    since: Instant
    by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldDeliveries:
    """How many deliveries of one channel wait for the release, by the route's key (None: about no group)."""

    channel: str
    route: str | None
    count: int


def begin(tx: Tx, *, by: str) -> bool:
    """Hold; False where it was so before."""
    made = upsert(tx.dialect, instance).values(name=REF, value=by, at=tx.now)
    return tx.run(made.on_conflict_do_nothing()).rowcount == 1


def current(tx: Tx) -> DeliveryHold | None:
    row = execute(tx, _current, {"name": REF}).one_or_none()
    return None if row is None else DeliveryHold(since=row.at, by=row.value or "")


def _current(_dialect: Dialect) -> sa.ClauseElement:
    return sa.select(instance).where(instance.c.name == sa.bindparam("name", type_=sa.Text()))


def waiting(tx: Tx) -> tuple[HeldDeliveries, ...]:
    """Deliveries that the release would let go, the most first; those that a newer message carries count as well."""
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
    """End the hold; how many deliveries it lets go, None where there was none.

    They expire, and the fallback is told of them, as if they had been made now.
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
