"""Look after what nobody holds: lost leases, expiry, and what the fallback must be told."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import Any

import sqlalchemy as sa

from notifier.domain.delivery import DeliveryState, Outcome
from notifier.domain.message import FORM, Message
from notifier.domain.notification import Reason
from notifier.domain.time import Instant
from notifier.policy.rules import AlertingRules
from notifier.store import hold
from notifier.store.compiled import execute, insert
from notifier.store.database import Tx
from notifier.store.dead_letters import mark_dead
from notifier.store.notifications import announce, deliver
from notifier.store.schema import attempts, deliveries, notifications, targets
from notifier.store.statements.outbox import PENDING, SENDING, forgotten
from notifier.wording import sentences

SWEPT_AT_ONCE = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Swept:
    """Leases that ended without an outcome, fallbacks told, and failures of the fallback itself (delivery ids)."""

    lost: tuple[str, ...] = ()
    told: tuple[str, ...] = ()
    fallback_failed: tuple[str, ...] = ()
    expired: tuple[str, ...] = ()
    next_at: Instant | None = None


def sweep(tx: Tx, rules: AlertingRules, fallback: str | None, *, restarted: bool = False) -> Swept:
    """Return lost claims, mark_dead what has expired, and tell the fallback what the others could not.

    `restarted`: this is the only process, and it has just started: nobody else can be sending.
    """
    lost = _lost(tx, restarted=restarted)
    if hold.current(tx) is not None:
        # Leases end as ever; expiry and the fallback count from the release.
        return Swept(lost=tuple(lost), next_at=_first(tx, deliveries.c.lease_until))
    expired = _expire(tx)
    if execute(tx, forgotten, {"now": tx.now}).rowcount:
        tx.signal("targets")
    due = tx.run(
        sa.select(deliveries, notifications.c.message.label("base"), targets.c.address)
        .join(notifications, notifications.c.id == deliveries.c.notification)
        .join(targets, targets.c.id == deliveries.c.target)
        .where(deliveries.c.fallback_at <= tx.now)
        .order_by(deliveries.c.fallback_at)
        .limit(SWEPT_AT_ONCE)
        .with_for_update(skip_locked=True, of=deliveries)
    ).all()
    told, fallback_failed = [], []
    own = set() if fallback is None else set(rules.targets.get(fallback, ()))
    for row in due:
        if fallback is not None and row.target not in own:
            if _tell_fallback(tx, rules, fallback, row):
                told.append(row.id)
        else:
            fallback_failed.append(row.id)
    if due:
        tx.run(
            sa.update(deliveries).where(deliveries.c.id.in_([row.id for row in due])).values(fallback_at=None)
        )
    moments = [_first(tx, column) for column in (deliveries.c.fallback_at, deliveries.c.lease_until)]
    next_at = (
        tx.now if len(due) == SWEPT_AT_ONCE else min((at for at in moments if at is not None), default=None)
    )
    return Swept(
        lost=tuple(lost),
        told=tuple(told),
        fallback_failed=tuple(fallback_failed),
        expired=tuple(expired),
        next_at=next_at,
    )


def _first(tx: Tx, column: sa.Column[int]) -> Instant | None:
    return tx.run(sa.select(sa.func.min(column)).where(column.is_not(None))).scalar()


def _expire(tx: Tx) -> list[str]:
    """Bury what is older than it may get, and wake the targets that waited behind it."""
    expired = list(
        tx.run(
            sa.select(deliveries.c.id)
            .where(
                deliveries.c.state == PENDING,
                deliveries.c.expires_at <= tx.now,
                deliveries.c.carried_by.is_(None),
            )
            .limit(SWEPT_AT_ONCE)
        ).scalars()
    )
    for id_ in expired:
        mark_dead(tx, id_, Outcome.EXPIRED, sentences.DEAD[Outcome.EXPIRED])
    if expired:
        waiting = sa.select(deliveries.c.target).where(deliveries.c.id.in_(expired))
        tx.run(sa.update(targets).where(targets.c.id.in_(waiting)).values(due_at=tx.now))
        tx.signal("targets")
    return expired


def _lost(tx: Tx, *, restarted: bool) -> list[str]:
    ended = deliveries.c.state == SENDING
    if not restarted:
        ended = sa.and_(ended, deliveries.c.lease_until <= tx.now)
    rows = tx.run(
        sa.select(deliveries.c.id, deliveries.c.fence, deliveries.c.target, deliveries.c.reason)
        .where(ended)
        .limit(SWEPT_AT_ONCE)
        .with_for_update(skip_locked=True)
    ).all()
    for row in rows:
        attempt = {
            "delivery": row.id,
            "n": row.fence,
            "started_at": None,
            "finished_at": tx.now,
            "outcome": Outcome.AMBIGUOUS.value,
            "detail": sentences.LOST,
            "replica": tx.replica,
        }
        insert(tx, attempts, [attempt])
        # A test is never retried: who asked for it has an answer. `claims` stays: five of these in a row are what
        # quarantines a delivery that ends its worker.
        over = row.reason == Reason.TEST.value
        tx.run(
            sa.update(deliveries)
            .where(deliveries.c.id == row.id)
            .values(
                state=DeliveryState.DISCARDED.value if over else PENDING,
                finished_at=tx.now if over else None,
                due_at=tx.now,
                lease_until=None,
                maybe_sent=1,
                attempts=deliveries.c.attempts + 1,
                fence=deliveries.c.fence + 1,
                outcome=Outcome.AMBIGUOUS.value,
            )
        )
        tx.run(sa.update(targets).where(targets.c.id == row.target).values(due_at=tx.now))
        tx.signal("targets")
    return [row.id for row in rows]


def _tell_fallback(tx: Tx, rules: AlertingRules, fallback: str, row: sa.Row[Any]) -> bool:
    """Tell the alert itself through the fallback, under a line that says what failed: once per notification."""
    exists = sa.select(notifications.c.id).where(notifications.c.fallback_of == row.notification)
    if tx.run(exists).first() is not None:
        return False
    dead = row.state == DeliveryState.DEAD.value
    note = sentences.undelivered(row.channel, row.address, dead=dead, outcome=row.outcome, detail=row.detail)
    message = replace(
        Message.from_json(json.loads(row.message or row.base)),
        reason=Reason.FALLBACK,
        note=note,
        at=tx.now,
        form=FORM,
    )
    id_ = announce(
        tx, rules, project=row.project, message=message, rank=row.rank, fallback_of=row.notification
    )
    deliver(
        tx,
        rules,
        notification=id_,
        project=row.project,
        reason=Reason.FALLBACK,
        group_id=f"fallback:{row.notification}",
        episode=0,
        chosen=rules.targets.get(fallback, ()),
        rank=row.rank,
        first=True,
    )
    return True
