"""The target rows of the database agree with the channels of the configuration."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import sqlalchemy as sa

from notifier.domain.delivery import DeliveryState, Outcome
from notifier.store.database import Tx
from notifier.store.dead_letters import mark_dead
from notifier.store.schema import deliveries, targets
from notifier.store.statements.outbox import PENDING, SENDING
from notifier.wording import sentences


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
        mark_dead(tx, id_, Outcome.TARGET_REMOVED, sentences.DEAD[Outcome.TARGET_REMOVED])
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
