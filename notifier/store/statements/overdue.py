"""Deliveries that need the sweep: lost claims, expired ones, and those due for the fallback."""

from __future__ import annotations

import sqlalchemy as sa

from notifier.domain.delivery import DeliveryState, Outcome
from notifier.domain.notification import Reason
from notifier.store.compiled import Row, reads
from notifier.store.database import Dialect
from notifier.store.json_rows import in_json
from notifier.store.schema import Big, deliveries, notifications, targets, threads
from notifier.store.statements.deliveries import PENDING, SENDING


class LostClaim(Row, frozen=True):
    """A delivery whose claim ended without an outcome, and the fence of that claim."""

    id: str
    fence: int
    target: int
    reason: str


class UndeliveredAlert(Row, frozen=True):
    """A delivery due for the fallback. `message` and `base` are JSON text (see `DeliveryMessage`)."""

    id: str
    project: str
    notification: str
    target: int
    channel: str
    state: str
    rank: int
    outcome: str | None
    detail: str | None
    message: str | None
    base: str
    address: str


def _now() -> sa.BindParameter[int]:
    return sa.bindparam("now", type_=Big)


def _most() -> sa.BindParameter[int]:
    return sa.bindparam("most", type_=sa.Integer())


@reads(LostClaim)
def lost_claims(_dialect: Dialect) -> sa.ClauseElement:
    """Claims whose lease has ended."""
    return _claims().where(deliveries.c.lease_until <= _now())


@reads(LostClaim)
def all_claims(_dialect: Dialect) -> sa.ClauseElement:
    """All claims regardless of their lease, for use when no process can be sending."""
    return _claims()


def _claims() -> sa.Select[tuple[object, ...]]:
    names = LostClaim.__struct_fields__
    return (
        sa.select(*(deliveries.c[name] for name in names))
        .where(deliveries.c.state == SENDING)
        .limit(_most())
        .with_for_update(skip_locked=True)
    )


def give_up_claims(dialect: Dialect) -> sa.ClauseElement:
    """Return lost claims to pending under a new fence, as possibly sent; discard tests.

    `claims` is kept: five consecutive losses quarantine a delivery, which may crash its worker.
    """
    is_test = deliveries.c.reason == Reason.TEST.value
    return (
        sa.update(deliveries)
        .where(deliveries.c.id.in_(in_json(dialect, "ids", sa.Text())))
        .values(
            state=sa.case((is_test, DeliveryState.DISCARDED.value), else_=PENDING),
            finished_at=sa.case((is_test, _now()), else_=None),
            due_at=_now(),
            lease_until=None,
            maybe_sent=1,
            attempts=deliveries.c.attempts + 1,
            fence=deliveries.c.fence + 1,
            outcome=Outcome.AMBIGUOUS.value,
        )
    )


def expired_deliveries(_dialect: Dialect) -> sa.ClauseElement:
    """The ids of waiting deliveries that have expired."""
    waits = (deliveries.c.state == PENDING, deliveries.c.carried_by.is_(None))
    return sa.select(deliveries.c.id).where(*waits, deliveries.c.expires_at <= _now()).limit(_most())


def targets_of(dialect: Dialect) -> sa.ClauseElement:
    """Make the targets of these deliveries due now."""
    of_these = deliveries.c.id.in_(in_json(dialect, "ids", sa.Text()))
    return (
        sa.update(targets)
        .where(targets.c.id.in_(sa.select(deliveries.c.target).where(of_these)))
        .values(due_at=_now())
    )


@reads(UndeliveredAlert)
def undelivered_alerts(_dialect: Dialect) -> sa.ClauseElement:
    """Deliveries whose `fallback_at` has passed, earliest first."""
    own = UndeliveredAlert.__struct_fields__[:-2]
    return (
        sa.select(
            *(deliveries.c[name] for name in own), notifications.c.message.label("base"), targets.c.address
        )
        .join(notifications, notifications.c.id == deliveries.c.notification)
        .join(targets, targets.c.id == deliveries.c.target)
        .where(deliveries.c.fallback_at <= _now())
        .order_by(deliveries.c.fallback_at)
        .limit(_most())
        .with_for_update(skip_locked=True, of=deliveries)
    )


def fallback_done(dialect: Dialect) -> sa.ClauseElement:
    """Clear `fallback_at` of these deliveries."""
    these = deliveries.c.id.in_(in_json(dialect, "ids", sa.Text()))
    return sa.update(deliveries).where(these).values(fallback_at=None)


def fallback_notification(_dialect: Dialect) -> sa.ClauseElement:
    """The notification with which the fallback was notified about this one."""
    of_this = notifications.c.fallback_of == sa.bindparam("notification", type_=sa.Text())
    return sa.select(notifications.c.id).where(of_this)


def next_lease_end(_dialect: Dialect) -> sa.ClauseElement:
    """The earliest end of a lease."""
    return sa.select(sa.func.min(deliveries.c.lease_until)).where(deliveries.c.lease_until.is_not(None))


def next_fallback(_dialect: Dialect) -> sa.ClauseElement:
    """The earliest `fallback_at`."""
    return sa.select(sa.func.min(deliveries.c.fallback_at)).where(deliveries.c.fallback_at.is_not(None))


def orphaned_deliveries(dialect: Dialect) -> sa.ClauseElement:
    """The ids of deliveries that wait for these targets. Those carried by a live digest end with it."""
    digest = deliveries.alias("digest")
    is_live = sa.or_(digest.c.state == PENDING, digest.c.state == SENDING)
    carried = sa.exists().where(digest.c.id == deliveries.c.carried_by, is_live)
    of_targets = deliveries.c.target.in_(in_json(dialect, "targets", Big))
    return (
        sa.select(deliveries.c.id)
        .where(of_targets, deliveries.c.state == PENDING, ~carried)
        .order_by(deliveries.c.id)
    )


def move_deliveries(_dialect: Dialect) -> sa.ClauseElement:
    """Move deliveries that wait for one target to another one, where they are due now."""
    own = deliveries.alias("own")
    other = sa.bindparam("target", type_=Big)
    has_own = sa.exists().where(own.c.notification == deliveries.c.notification, own.c.target == other)
    return (
        sa.update(deliveries)
        .where(
            deliveries.c.target == sa.bindparam("former", type_=Big),
            deliveries.c.state == PENDING,
            ~has_own,
        )
        .values(target=other, due_at=_now())
    )


def move_threads(_dialect: Dialect) -> sa.ClauseElement:
    """Move threads with waiting deliveries to another target, unless that has a thread of the episode."""
    own = threads.alias("own")
    other = sa.bindparam("target", type_=Big)
    waits = sa.exists().where(deliveries.c.thread == threads.c.id, deliveries.c.state == PENDING)
    has_own = sa.exists().where(
        own.c.group_id == threads.c.group_id, own.c.episode == threads.c.episode, own.c.target == other
    )
    return (
        sa.update(threads)
        .where(threads.c.target == sa.bindparam("former", type_=Big), waits, ~has_own)
        .values(target=other)
    )


def tell_fallback_of_removed(dialect: Dialect) -> sa.ClauseElement:
    """Make deliveries due for the fallback that have just died because these targets were removed."""
    return (
        sa.update(deliveries)
        .where(
            deliveries.c.target.in_(in_json(dialect, "targets", Big)),
            deliveries.c.state == DeliveryState.DEAD.value,
            deliveries.c.outcome == Outcome.TARGET_REMOVED.value,
            deliveries.c.finished_at == _now(),
        )
        .values(fallback_at=_now())
    )


def waiting_deliveries_due(dialect: Dialect) -> sa.ClauseElement:
    """Make deliveries that wait for these targets due now."""
    of_targets = deliveries.c.target.in_(in_json(dialect, "targets", Big))
    return (
        sa.update(deliveries)
        .where(of_targets, deliveries.c.state == PENDING, deliveries.c.due_at > _now())
        .values(due_at=_now())
    )


def waited_for_targets_due(dialect: Dialect) -> sa.ClauseElement:
    """Make targets due now that have waiting deliveries."""
    waits = sa.exists().where(deliveries.c.target == targets.c.id, deliveries.c.state == PENDING)
    these = targets.c.id.in_(in_json(dialect, "targets", Big))
    return sa.update(targets).where(these, waits).values(due_at=_now())
