"""Dead letters: how deliveries become dead, and how people redeliver or discard them."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa

from notifier.domain.delivery import DeliveryState, Outcome
from notifier.domain.notification import Reason
from notifier.policy.rules import AlertingRules
from notifier.store.database import Tx
from notifier.store.schema import deliveries, targets
from notifier.store.statements.deliveries import PENDING


def mark_dead(tx: Tx, id_: str, outcome: Outcome, detail: str) -> None:
    """Mark a pending delivery dead without an attempt."""
    row = tx.run(sa.select(deliveries.c.fallback_at, deliveries.c.reason).where(deliveries.c.id == id_)).one()
    state = DeliveryState.DISCARDED if row.reason == Reason.TEST.value else DeliveryState.DEAD
    tx.run(
        sa.update(deliveries)
        .where(deliveries.c.id == id_, deliveries.c.state == PENDING)
        .values(
            state=state.value,
            finished_at=tx.now,
            outcome=outcome.value,
            detail=detail,
            fallback_at=None if row.fallback_at is None else tx.now,
        )
    )
    if row.reason == Reason.DIGEST.value:
        coalesce(tx, id_)
    tx.signal("sweep")


def coalesce(tx: Tx, digest: str) -> None:
    tx.run(
        sa.update(deliveries)
        .where(deliveries.c.carried_by == digest, deliveries.c.state == PENDING)
        .values(state=DeliveryState.COALESCED.value, finished_at=tx.now)
    )


def redeliver(tx: Tx, rules: AlertingRules, ids: Sequence[str]) -> tuple[str, ...]:
    """Return dead letters to pending with unchanged ids. Disabled targets are enabled, since a person has asked."""
    rows = tx.run(
        sa.select(deliveries.c.id, deliveries.c.target)
        .where(deliveries.c.id.in_(ids), deliveries.c.state == DeliveryState.DEAD.value)
        .order_by(deliveries.c.target, deliveries.c.id)
        .with_for_update()
    ).all()
    if rows:
        tx.run(
            sa.update(deliveries)
            .where(deliveries.c.id.in_([row.id for row in rows]))
            .values(
                state=PENDING,
                due_at=tx.now,
                expires_at=tx.now + rules.expires_after,
                attempts=0,
                claims=0,
                finished_at=None,
                # The fallback may not have been notified of the first failure yet.
                fallback_at=None if rules.fallback_after is None else tx.now + rules.fallback_after,
            )
        )
        tx.run(
            sa.update(targets)
            .where(targets.c.id.in_([row.target for row in rows]))
            .values(due_at=tx.now, disabled_at=None, disabled_why=None, cool_until=None)
        )
        tx.signal("targets")
    return tuple(row.id for row in rows)


def discard(tx: Tx, ids: Sequence[str]) -> tuple[str, ...]:
    """Discard dead letters. Returns the ids of those discarded."""
    found = tx.run(
        sa.update(deliveries)
        .where(deliveries.c.id.in_(ids), deliveries.c.state == DeliveryState.DEAD.value)
        .values(state=DeliveryState.DISCARDED.value, finished_at=tx.now)
        .returning(deliveries.c.id)
    )
    return tuple(sorted(found.scalars()))
