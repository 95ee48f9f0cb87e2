"""The outbox's statements, compiled once per engine."""

from __future__ import annotations

import sqlalchemy as sa

from notifier.domain.delivery import DeliveryState
from notifier.store.database import Dialect
from notifier.store.rows import among
from notifier.store.schema import Big, attempts, deliveries, notifications, targets, threads

Text = sa.Text()
PENDING = DeliveryState.PENDING.value
SENDING = DeliveryState.SENDING.value


# Spelt as in the partial index: a bound value would keep both engines from using it.
_LIVE = deliveries.c.state.in_([sa.literal_column("'pending'"), sa.literal_column("'sending'")])


def _now() -> sa.BindParameter[int]:
    return sa.bindparam("now", type_=Big)


def _id() -> sa.BindParameter[str]:
    return sa.bindparam("id", type_=Text)


def _target() -> sa.ColumnElement[bool]:
    return deliveries.c.target == sa.bindparam("target", type_=Big)


def due_targets(dialect: Dialect) -> sa.ClauseElement:
    """Targets that are due, of the named channels."""
    return (
        sa.select(targets)
        .where(targets.c.channel.in_(among(dialect, "channels", Text)), targets.c.due_at <= _now())
        .order_by(targets.c.due_at)
        .limit(sa.bindparam("most", type_=sa.Integer()))
        .with_for_update(skip_locked=True, of=targets)
    )


def next_target(dialect: Dialect) -> sa.ClauseElement:
    return sa.select(sa.func.min(targets.c.due_at)).where(
        targets.c.channel.in_(among(dialect, "channels", Text))
    )


def live(_dialect: Dialect) -> sa.ClauseElement:
    """What a target has pending or in flight, oldest first, without what a digest carries: it may be very much."""
    return (
        sa.select(
            deliveries.c.id,
            deliveries.c.thread,
            deliveries.c.state,
            deliveries.c.created_at,
            deliveries.c.due_at,
            deliveries.c.expires_at,
            deliveries.c.claims,
            deliveries.c.reason,
            sa.case((deliveries.c.message.is_(None), 0), else_=1).label("frozen"),
        )
        .where(_target(), _LIVE, deliveries.c.carried_by.is_(None))
        .order_by(deliveries.c.id)
        .limit(sa.bindparam("most", type_=sa.Integer()))
    )


def carried_threads(_dialect: Dialect) -> sa.ClauseElement:
    """Threads of a target that a digest speaks for which has not arrived yet."""
    return (
        sa.select(deliveries.c.thread)
        .where(_target(), _LIVE, deliveries.c.carried_by.is_not(None))
        .distinct()
    )


def with_base(dialect: Dialect) -> sa.ClauseElement:
    """Deliveries with their notification's message as `base`, and their thread's anchors."""
    before = threads.alias("before")
    return (
        sa.select(
            deliveries,
            notifications.c.message.label("base"),
            threads.c.ref.label("thread_ref"),
            threads.c.previous_id.label("previous_thread"),
            before.c.ref.label("previous_ref"),
        )
        .join(notifications, notifications.c.id == deliveries.c.notification)
        .outerjoin(threads, threads.c.id == deliveries.c.thread)
        .outerjoin(before, before.c.id == threads.c.previous_id)
        .where(deliveries.c.id.in_(among(dialect, "ids", Text)))
    )


def supersede(dialect: Dialect) -> sa.ClauseElement:
    return (
        sa.update(deliveries)
        .where(deliveries.c.id.in_(among(dialect, "ids", Text)))
        .values(
            state=DeliveryState.SUPERSEDED.value,
            carried_by=_id(),
            finished_at=_now(),
            fallback_at=None,
            claims=0,
        )
    )


def ranked(dialect: Dialect) -> sa.ClauseElement:
    """Deliveries for a digest, the worst first."""
    return (
        sa.select(
            deliveries.c.id,
            deliveries.c.reason,
            deliveries.c.fallback_at,
            notifications.c.rank,
            deliveries.c.project,
        )
        .join(notifications, notifications.c.id == deliveries.c.notification)
        .where(deliveries.c.id.in_(among(dialect, "ids", Text)))
        .order_by(notifications.c.rank.desc(), deliveries.c.id.desc())
    )


def carry(dialect: Dialect) -> sa.ClauseElement:
    return (
        sa.update(deliveries)
        .where(deliveries.c.id.in_(among(dialect, "ids", Text)))
        .values(carried_by=_id(), fallback_at=None)
    )


def anchor(_dialect: Dialect) -> sa.ClauseElement:
    """The first receipt's reference is the thread's."""
    return (
        sa.update(threads)
        .where(threads.c.id == _id(), threads.c.ref.is_(None))
        .values(ref=sa.bindparam("ref", type_=Text))
    )


def delivered(_dialect: Dialect) -> sa.ClauseElement:
    """End a claim well, where its fence still holds."""
    return (
        sa.update(deliveries)
        .where(
            deliveries.c.id == _id(),
            deliveries.c.fence == sa.bindparam("fence", type_=Big),
            deliveries.c.state == SENDING,
        )
        .values(
            state=DeliveryState.DELIVERED.value,
            finished_at=_now(),
            outcome=DeliveryState.DELIVERED.value,
            detail=sa.bindparam("detail", type_=Text),
            ref=sa.bindparam("ref", type_=Text),
            fallback_at=None,
            attempts=deliveries.c.attempts + 1,
            lease_until=None,
            claims=0,
        )
    )


def outcomes(_dialect: Dialect) -> sa.ClauseElement:
    """A delivery's latest outcomes."""
    return (
        sa.select(attempts.c.outcome)
        .where(attempts.c.delivery == _id())
        .order_by(attempts.c.n.desc())
        .limit(sa.bindparam("most", type_=sa.Integer()))
    )


def lock_target(_dialect: Dialect) -> sa.ClauseElement:
    return (
        sa.select(
            targets.c.id,
            targets.c.failures,
            targets.c.last_error_at,
            targets.c.settings_hash,
            targets.c.gone_at,
            targets.c.gone_in_a_row,
        )
        .where(
            targets.c.channel == sa.bindparam("channel", type_=Text),
            targets.c.address == sa.bindparam("address", type_=Text),
        )
        .with_for_update()
    )


def next_pending(_dialect: Dialect) -> sa.ClauseElement:
    """When the first pending delivery of a target is due.

    Asked for after the target is locked, in a statement of its own: PostgreSQL would answer from before it waited for
    the lock, and what another replica has just added would never wake the target.
    """
    return sa.select(sa.func.min(deliveries.c.due_at)).where(
        _target(), _LIVE, deliveries.c.state == PENDING, deliveries.c.carried_by.is_(None)
    )


def forgotten(_dialect: Dialect) -> sa.ClauseElement:
    """Wake targets that have something pending and nothing that would wake them."""
    waiting = sa.select(deliveries.c.target).where(
        _LIVE, deliveries.c.state == PENDING, deliveries.c.carried_by.is_(None)
    )
    return (
        sa.update(targets).where(targets.c.due_at.is_(None), targets.c.id.in_(waiting)).values(due_at=_now())
    )
