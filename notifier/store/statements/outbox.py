"""The outbox's statements, compiled once per engine."""

from __future__ import annotations

import sqlalchemy as sa

from notifier.domain.delivery import DeliveryState
from notifier.store.database import Dialect
from notifier.store.json_rows import in_json, rows_from_json
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
        .where(targets.c.channel.in_(in_json(dialect, "channels", Text)), targets.c.due_at <= _now())
        .order_by(targets.c.due_at, targets.c.id)
        .limit(sa.bindparam("most", type_=sa.Integer()))
        .with_for_update(skip_locked=True, of=targets)
    )


def next_target(dialect: Dialect) -> sa.ClauseElement:
    return sa.select(sa.func.min(targets.c.due_at)).where(
        targets.c.channel.in_(in_json(dialect, "channels", Text))
    )


def _waiting() -> sa.ColumnElement[bool]:
    """Pending, and carried by no digest: as the index of what waits spells it."""
    return sa.and_(deliveries.c.state == sa.literal_column("'pending'"), deliveries.c.carried_by.is_(None))


def _held(rows: sa.Subquery) -> sa.ColumnElement[bool]:
    """Claims of these (id, fence) that nobody else has taken over."""
    return sa.and_(
        deliveries.c.id == rows.c.id,
        deliveries.c.fence == rows.c.fence,
        deliveries.c.state == sa.literal_column("'sending'"),
    )


def _is_busy() -> sa.ColumnElement[bool]:
    """Whether a thread has one in flight, or a digest that has not arrived carries one of it.

    A newer message waits for the digest that carries its thread: the other way round it would seem undone.
    """
    other = deliveries.alias("other")
    in_flight = other.c.state == sa.literal_column("'sending'")
    carried = sa.and_(other.c.state == sa.literal_column("'pending'"), other.c.carried_by.is_not(None))
    return sa.exists().where(other.c.thread == deliveries.c.thread, sa.or_(in_flight, carried))


def front(_dialect: Dialect) -> sa.ClauseElement:
    """The threads of the first deliveries of a target that are due and whose thread is free, in order of their turn."""
    return (
        sa.select(deliveries.c.thread)
        .where(_target(), _waiting(), deliveries.c.due_at <= _now(), ~_is_busy())
        .order_by(deliveries.c.rank.desc(), deliveries.c.id)
        .limit(sa.bindparam("most", type_=sa.Integer()))
    )


def all_waiting(_dialect: Dialect) -> sa.ClauseElement:
    """The threads of whatever waits for a target, due or not."""
    return (
        sa.select(deliveries.c.thread)
        .where(_target(), _waiting())
        .limit(sa.bindparam("most", type_=sa.Integer()))
    )


def of_threads(dialect: Dialect) -> sa.ClauseElement:
    """All that waits of these threads, oldest first."""
    frozen = sa.case((deliveries.c.message.is_(None), 0), else_=1).label("frozen")
    names = ("id", "thread", "created_at", "due_at", "expires_at", "claims", "reason")
    return (
        sa.select(*(deliveries.c[name] for name in names), frozen)
        .where(deliveries.c.thread.in_(in_json(dialect, "threads", Text)), _waiting())
        .order_by(deliveries.c.id)
    )


def later(_dialect: Dialect) -> sa.ClauseElement:
    """When the first delivery of a target is due that is not due yet and whose thread is free."""
    return sa.select(sa.func.min(deliveries.c.due_at)).where(
        _target(), _waiting(), deliveries.c.due_at > _now(), ~_is_busy()
    )


def count_in_flight(_dialect: Dialect) -> sa.ClauseElement:
    return (
        sa.select(sa.func.count())
        .select_from(deliveries)
        .where(_target(), deliveries.c.state == sa.literal_column("'sending'"))
    )


def is_live(_dialect: Dialect) -> sa.ClauseElement:
    """Whether a thread has anything pending or in flight."""
    return (
        sa.select(deliveries.c.id)
        .where(deliveries.c.thread == sa.bindparam("thread", type_=Text), _LIVE)
        .limit(1)
    )


def begin(dialect: Dialect) -> sa.ClauseElement:
    """Claim: these deliveries are being sent, under a new fence each."""
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


def with_base(dialect: Dialect) -> sa.ClauseElement:
    """Deliveries with their notification's message as `base`, and their thread's message references."""
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
        .where(deliveries.c.id.in_(in_json(dialect, "ids", Text)))
    )


def supersede(dialect: Dialect) -> sa.ClauseElement:
    """What a newer delivery of the same thread carries."""
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
        .where(deliveries.c.id.in_(in_json(dialect, "ids", Text)))
        .order_by(notifications.c.rank.desc(), deliveries.c.id.desc())
    )


def add_to_digest(dialect: Dialect) -> sa.ClauseElement:
    return (
        sa.update(deliveries)
        .where(deliveries.c.id.in_(in_json(dialect, "ids", Text)))
        .values(carried_by=_id(), fallback_at=None)
    )


def keep_message_refs(dialect: Dialect) -> sa.ClauseElement:
    """The first receipt's reference is the thread's."""
    rows = rows_from_json(dialect, "rows", [("id", Text), ("ref", Text)])
    return sa.update(threads).where(threads.c.id == rows.c.id, threads.c.ref.is_(None)).values(ref=rows.c.ref)


def delivered(dialect: Dialect) -> sa.ClauseElement:
    """End claims well where their fences still hold; the ids and fences of those."""
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
    """Undo claims whose fences still hold. What was never sent is no longer frozen."""
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
    """Those of these (delivery, fence) whose good end is written down."""
    rows = rows_from_json(dialect, "rows", [("id", Text), ("fence", Big)])
    return (
        sa.select(attempts.c.delivery, attempts.c.n)
        .join(rows, sa.and_(attempts.c.delivery == rows.c.id, attempts.c.n == rows.c.fence))
        .where(attempts.c.outcome == DeliveryState.DELIVERED.value)
    )


def healthy(dialect: Dialect) -> sa.ClauseElement:
    """These targets have just taken something."""
    return (
        sa.update(targets)
        .where(targets.c.id.in_(in_json(dialect, "targets", Big)))
        .values(failures=0, cool_until=None, last_ok_at=_now(), gone_in_a_row=0)
    )


def enable(dialect: Dialect) -> sa.ClauseElement:
    """A test has arrived: what was said of these targets is over."""
    return (
        sa.update(targets)
        .where(targets.c.id.in_(in_json(dialect, "targets", Big)))
        .values(disabled_at=None, disabled_why=None, gone_at=None)
    )


def outcomes(_dialect: Dialect) -> sa.ClauseElement:
    """A delivery's latest outcomes."""
    return (
        sa.select(attempts.c.outcome)
        .where(attempts.c.delivery == _id())
        .order_by(attempts.c.n.desc())
        .limit(sa.bindparam("most", type_=sa.Integer()))
    )


def lock_targets(dialect: Dialect) -> sa.ClauseElement:
    """Lock these targets, in the order of their ids."""
    return (
        sa.select(targets.c.id)
        .where(targets.c.id.in_(in_json(dialect, "targets", Big)))
        .order_by(targets.c.id)
        .with_for_update()
    )


def health(_dialect: Dialect) -> sa.ClauseElement:
    names = ("id", "failures", "last_error_at", "settings_hash", "gone_at", "gone_in_a_row")
    return sa.select(*(targets.c[name] for name in names)).where(
        targets.c.id == sa.bindparam("id", type_=Big)
    )


def wake(dialect: Dialect) -> sa.ClauseElement:
    """Let the claim look at these targets where something waits for them: it knows best when.

    Run after they are locked, in a statement of its own: PostgreSQL would answer from before it waited for the lock,
    and what another replica has just added would never wake the target.
    """
    waits = sa.exists().where(deliveries.c.target == targets.c.id, _waiting())
    return (
        sa.update(targets)
        .where(targets.c.id.in_(in_json(dialect, "targets", Big)))
        .values(due_at=sa.case((waits, _now()), else_=sa.null()))
    )


def forgotten(_dialect: Dialect) -> sa.ClauseElement:
    """Wake targets that have something pending and nothing that would wake them."""
    waits = sa.exists().where(deliveries.c.target == targets.c.id, _waiting())
    return sa.update(targets).where(targets.c.due_at.is_(None), waits).values(due_at=_now())
