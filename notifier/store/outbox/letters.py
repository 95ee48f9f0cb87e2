"""What people do with the outbox: tests, redelivery, discarding; and what a start does with its targets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import sqlalchemy as sa

from notifier.domain.delivery import DeliveryState, Outcome
from notifier.domain.event import Severity
from notifier.domain.message import Message
from notifier.policy.rules import AlertingRules
from notifier.store.alerting import announce, deliver
from notifier.store.database import Tx
from notifier.store.outbox.rows import bury
from notifier.store.outbox.statements import PENDING, SENDING
from notifier.store.schema import deliveries, targets
from notifier.wording import sentences


def enqueue_test(
    tx: Tx, rules: AlertingRules, *, project: str, channel: str, message: Message
) -> tuple[str, ...]:
    """A real delivery to every target of a channel, with reason `test`; returns the delivery ids."""
    return enqueue(tx, replace(rules, fallback_after=None), project=project, channel=channel, message=message)


def enqueue(tx: Tx, rules: AlertingRules, *, project: str, channel: str, message: Message) -> tuple[str, ...]:
    """A message to every target of a channel, in a thread of its own; returns the delivery ids."""
    id_ = announce(tx, rules, project=project, message=message)
    deliver(
        tx,
        rules,
        notification=id_,
        project=project,
        reason=message.reason,
        group_id=f"{message.reason.value}:{id_}",
        episode=0,
        chosen=rules.targets.get(channel, ()),
        first=True,
        rank=Severity.CRITICAL.rank,  # what it says of itself, nobody else says
    )
    return tuple(
        tx.run(
            sa.select(deliveries.c.id).where(deliveries.c.notification == id_).order_by(deliveries.c.id)
        ).scalars()
    )


def sync_targets(
    tx: Tx, wanted: Mapping[str, Sequence[str]], *, fallback: str | None = None
) -> dict[str, tuple[int, ...]]:
    """Make the target rows agree with the configuration; what waits for a target that is gone becomes a dead letter.

    `fallback` is the channel that is then told, whatever there was when the delivery was made.
    """
    known = {(row.channel, row.address): row.id for row in tx.run(sa.select(targets).order_by(targets.c.id))}
    for channel, addresses in sorted(wanted.items()):
        for address in addresses:
            if (channel, address) not in known:
                row = tx.run(
                    sa.insert(targets).values(channel=channel, address=address).returning(targets.c.id)
                )
                known[channel, address] = row.scalar_one()
    kept = {known[channel, address] for channel, addresses in wanted.items() for address in addresses}
    removed = sorted(set(known.values()) - kept)
    if removed:
        _bury_orphans(tx, removed, fallback)
        tx.run(sa.update(targets).where(targets.c.id.in_(removed)).values(due_at=None))
    return {
        channel: tuple(known[channel, address] for address in addresses)
        for channel, addresses in wanted.items()
    }


def _bury_orphans(tx: Tx, removed: Sequence[int], fallback: str | None) -> None:
    """What a digest carries goes with it: a dead one is buried here, and one that is being sent decides for all."""
    digest = deliveries.alias("digest")
    carried = sa.exists().where(
        digest.c.id == deliveries.c.carried_by, digest.c.state.in_((PENDING, SENDING))
    )
    orphans = tx.run(
        sa.select(deliveries.c.id)
        .where(deliveries.c.target.in_(removed), deliveries.c.state == PENDING, ~carried)
        .order_by(deliveries.c.id)
    ).scalars()
    buried = orphans.all()
    for id_ in buried:
        bury(tx, id_, Outcome.TARGET_REMOVED, sentences.DEAD[Outcome.TARGET_REMOVED])
    if buried and fallback is not None:
        # Where an alert was told to the fallback before, the sweep leaves it at that.
        tx.run(
            sa.update(deliveries)
            .where(
                deliveries.c.target.in_(removed),
                deliveries.c.state == DeliveryState.DEAD.value,
                deliveries.c.outcome == Outcome.TARGET_REMOVED.value,
                deliveries.c.finished_at == tx.now,
            )
            .values(fallback_at=tx.now)
        )


def redeliver(tx: Tx, rules: AlertingRules, ids: Sequence[str]) -> tuple[str, ...]:
    """Return dead letters to pending, ids unchanged; a person asks, so a disabled target is tried again."""
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
                # It may die again before the sweep has told the fallback of its first death.
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
    """End dead letters by a person's word. Those that were ended."""
    found = tx.run(
        sa.update(deliveries)
        .where(deliveries.c.id.in_(ids), deliveries.c.state == DeliveryState.DEAD.value)
        .values(state=DeliveryState.DISCARDED.value, finished_at=tx.now)
        .returning(deliveries.c.id)
    )
    return tuple(sorted(found.scalars()))
