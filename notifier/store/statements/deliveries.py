"""Deliveries: the outbox."""

from __future__ import annotations

import sqlalchemy as sa

from notifier.domain.delivery import DeliveryState
from notifier.domain.time import Instant
from notifier.store.compiled import Row, columns_of, reads
from notifier.store.database import Dialect
from notifier.store.json_rows import in_json, rows_from_json
from notifier.store.schema import (
    Big,
    attempts,
    deliveries,
    notifications,
    threads,
)

Text = sa.Text()
PENDING = DeliveryState.PENDING.value
SENDING = DeliveryState.SENDING.value


class WaitingDelivery(Row, frozen=True):
    """A waiting delivery. `frozen` is 1 if it was sent before, so that its message no longer changes."""

    id: str
    thread: str
    created_at: Instant
    due_at: Instant
    expires_at: Instant
    claims: int
    reason: str
    frozen: int


class DeliveryMessage(Row, frozen=True):
    """A delivery with its message as JSON text: `base` is its notification's, `message` its own once it is frozen.

    `thread_ref` and `previous_ref` are the message references of its thread and of the thread before.
    """

    id: str
    project: str
    reason: str
    thread: str
    created_at: Instant
    fallback_at: Instant | None
    claims: int
    fence: int
    maybe_sent: int
    message: str | None
    base: str
    thread_ref: str | None
    previous_thread: str | None
    previous_ref: str | None


class RankedDelivery(Row, frozen=True):
    """A delivery carried by a digest; `rank` is the highest severity of its incidents."""

    id: str
    reason: str
    fallback_at: Instant | None
    project: str
    rank: int


class Tries(Row, frozen=True):
    """The attempts of a delivery, and its deadlines."""

    attempts: int
    expires_at: Instant
    fallback_at: Instant | None


def _now() -> sa.BindParameter[int]:
    return sa.bindparam("now", type_=Big)


def _id() -> sa.BindParameter[str]:
    return sa.bindparam("id", type_=Text)


def _target() -> sa.ColumnElement[bool]:
    return deliveries.c.target == sa.bindparam("target", type_=Big)


def is_waiting() -> sa.ColumnElement[bool]:
    """Whether a delivery is pending and not carried by a digest; has the form of the partial index's condition."""
    return sa.and_(deliveries.c.state == sa.literal_column("'pending'"), deliveries.c.carried_by.is_(None))


def _held(rows: sa.Subquery) -> sa.ColumnElement[bool]:
    """Whether these claims, as (id, fence), are still valid."""
    return sa.and_(
        deliveries.c.id == rows.c.id,
        deliveries.c.fence == rows.c.fence,
        deliveries.c.state == sa.literal_column("'sending'"),
    )


def _is_busy() -> sa.ColumnElement[bool]:
    """Whether the thread has a delivery in flight, or one carried by an undelivered digest.

    A newer message must not arrive before the digest, which would then show an older state last.
    """
    other = deliveries.alias("other")
    in_flight = other.c.state == sa.literal_column("'sending'")
    carried = sa.and_(other.c.state == sa.literal_column("'pending'"), other.c.carried_by.is_not(None))
    return sa.exists().where(other.c.thread == deliveries.c.thread, sa.or_(in_flight, carried))


def first_threads(_dialect: Dialect) -> sa.ClauseElement:
    """The threads of a target's first due deliveries whose thread is free, in order of their turn."""
    return (
        sa.select(deliveries.c.thread)
        .where(_target(), is_waiting(), deliveries.c.due_at <= _now(), ~_is_busy())
        .order_by(deliveries.c.rank.desc(), deliveries.c.id)
        .limit(sa.bindparam("most", type_=sa.Integer()))
    )


def last_message(_dialect: Dialect) -> sa.ClauseElement:
    """The message of a group's last notification."""
    return (
        sa.select(notifications.c.message)
        .where(notifications.c.group_id == sa.bindparam("group", type_=Text))
        .order_by(notifications.c.at.desc(), notifications.c.id.desc())
        .limit(1)
    )


def waiting_threads(_dialect: Dialect) -> sa.ClauseElement:
    """The threads of deliveries waiting for a target, due or not."""
    return (
        sa.select(deliveries.c.thread)
        .where(_target(), is_waiting())
        .limit(sa.bindparam("most", type_=sa.Integer()))
    )


@reads(WaitingDelivery)
def waiting_of_threads(dialect: Dialect) -> sa.ClauseElement:
    """All waiting deliveries of these threads, oldest first."""
    frozen = sa.case((deliveries.c.message.is_(None), 0), else_=1)
    names = WaitingDelivery.__struct_fields__[:-1]
    return (
        sa.select(*(deliveries.c[name] for name in names), frozen)
        .where(deliveries.c.thread.in_(in_json(dialect, "threads", Text)), is_waiting())
        .order_by(deliveries.c.id)
    )


def later_due(_dialect: Dialect) -> sa.ClauseElement:
    """The earliest due time of deliveries to a target that are not due yet and whose thread is free."""
    return sa.select(sa.func.min(deliveries.c.due_at)).where(
        _target(), is_waiting(), deliveries.c.due_at > _now(), ~_is_busy()
    )


def count_in_flight(_dialect: Dialect) -> sa.ClauseElement:
    """The number of deliveries to a target in flight."""
    return (
        sa.select(sa.func.count())
        .select_from(deliveries)
        .where(_target(), deliveries.c.state == sa.literal_column("'sending'"))
    )


def begin_sending(dialect: Dialect) -> sa.ClauseElement:
    """Mark deliveries as `sending`, each under a new fence."""
    names = ("id", "message", "fallback_at")
    rows = rows_from_json(dialect, "rows", [(name, deliveries.c[name].type) for name in names])
    return (
        sa.update(deliveries)
        .where(deliveries.c.id == rows.c.id)
        .values(
            state=SENDING,
            fence=deliveries.c.fence + 1,
            claims=deliveries.c.claims + 1,
            lease_until=sa.bindparam("lease_until", type_=Big),
            message=rows.c.message,
            fallback_at=rows.c.fallback_at,
        )
    )


@reads(DeliveryMessage)
def delivery_messages(dialect: Dialect) -> sa.ClauseElement:
    """Deliveries with their messages, by id."""
    before = threads.alias("before")
    own = DeliveryMessage.__struct_fields__[:-4]
    return (
        sa.select(
            *(deliveries.c[name] for name in own),
            notifications.c.message.label("base"),
            threads.c.ref.label("thread_ref"),
            threads.c.previous_id.label("previous_thread"),
            before.c.ref.label("previous_ref"),
        )
        .join(notifications, notifications.c.id == deliveries.c.notification)
        .outerjoin(threads, threads.c.id == deliveries.c.thread)
        .outerjoin(before, before.c.id == threads.c.previous_id)
        .where(deliveries.c.id.in_(in_json(dialect, "ids", Text)))
    )


def supersede(dialect: Dialect) -> sa.ClauseElement:
    """Mark deliveries superseded by a newer one of the same thread that carries them."""
    rows = rows_from_json(dialect, "rows", [("id", Text), ("carried_by", Text)])
    return (
        sa.update(deliveries)
        .where(deliveries.c.id == rows.c.id)
        .values(
            state=DeliveryState.SUPERSEDED.value,
            carried_by=rows.c.carried_by,
            finished_at=_now(),
            fallback_at=None,
            claims=0,
        )
    )


@reads(RankedDelivery)
def ranked_deliveries(dialect: Dialect) -> sa.ClauseElement:
    """Deliveries by id, highest severity first."""
    # The rank of a delivery may be that of a test; a notification's never is.
    own = (deliveries.c[name] for name in RankedDelivery.__struct_fields__[:-1])
    return (
        sa.select(*own, notifications.c.rank)
        .join(notifications, notifications.c.id == deliveries.c.notification)
        .where(deliveries.c.id.in_(in_json(dialect, "ids", Text)))
        .order_by(notifications.c.rank.desc(), deliveries.c.id.desc())
    )


def add_to_digest(dialect: Dialect) -> sa.ClauseElement:
    """Let a digest carry these deliveries."""
    return (
        sa.update(deliveries)
        .where(deliveries.c.id.in_(in_json(dialect, "ids", Text)))
        .values(carried_by=_id(), fallback_at=None)
    )


def end_delivered(dialect: Dialect) -> sa.ClauseElement:
    """Mark valid claims as delivered. Returns their ids and fences."""
    names = ("id", "fence", "detail", "ref")
    rows = rows_from_json(dialect, "rows", [(name, deliveries.c[name].type) for name in names])
    return (
        sa.update(deliveries)
        .where(_held(rows))
        .values(
            state=DeliveryState.DELIVERED.value,
            finished_at=_now(),
            outcome=DeliveryState.DELIVERED.value,
            detail=rows.c.detail,
            ref=rows.c.ref,
            fallback_at=None,
            attempts=deliveries.c.attempts + 1,
            lease_until=None,
            claims=0,
        )
        .returning(deliveries.c.id, deliveries.c.fence)
    )


def give_back(dialect: Dialect) -> sa.ClauseElement:
    """Undo valid claims. Messages that were never sent are no longer frozen."""
    rows = rows_from_json(dialect, "rows", [("id", Text), ("fence", Big)])
    unsent = sa.and_(deliveries.c.attempts == 0, deliveries.c.maybe_sent == 0)
    return (
        sa.update(deliveries)
        .where(_held(rows))
        .values(
            state=PENDING,
            lease_until=None,
            claims=deliveries.c.claims - 1,
            message=sa.case((unsent, sa.null()), else_=deliveries.c.message),
        )
    )


def already_delivered(dialect: Dialect) -> sa.ClauseElement:
    """The claims, as (delivery, fence), among these that were recorded as delivered."""
    rows = rows_from_json(dialect, "rows", [("id", Text), ("fence", Big)])
    return (
        sa.select(attempts.c.delivery, attempts.c.n)
        .join(rows, sa.and_(attempts.c.delivery == rows.c.id, attempts.c.n == rows.c.fence))
        .where(attempts.c.outcome == DeliveryState.DELIVERED.value)
    )


@reads(Tries)
def tries(_dialect: Dialect) -> sa.ClauseElement:
    """The attempts of a delivery."""
    return sa.select(*columns_of(Tries, deliveries)).where(deliveries.c.id == _id())


def latest_outcomes(_dialect: Dialect) -> sa.ClauseElement:
    """The latest outcomes of a delivery."""
    return (
        sa.select(attempts.c.outcome)
        .where(attempts.c.delivery == _id())
        .order_by(attempts.c.n.desc())
        .limit(sa.bindparam("most", type_=sa.Integer()))
    )
