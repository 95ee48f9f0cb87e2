"""The health of targets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from notifier.domain.delivery import DeliveryState
from notifier.domain.time import Instant
from notifier.store.database import Tx
from notifier.store.schema import deliveries, targets


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetRow:
    """One recipient of one channel, with its health."""

    id: int
    channel: str
    address: str
    tokens: float | None
    tokens_at: Instant | None
    cool_until: Instant | None
    failures: int
    disabled_at: Instant | None
    disabled_why: str | None
    last_ok_at: Instant | None
    last_error: str | None
    last_error_at: Instant | None
    last_sent_at: Instant | None


_COLUMNS = tuple(TargetRow.__dataclass_fields__)


def target_rows(tx: Tx, ids: Sequence[int]) -> tuple[TargetRow, ...]:
    """The rows with these ids, in their order."""
    query = (
        sa.select(*(targets.c[name] for name in _COLUMNS)).where(targets.c.id.in_(ids)).order_by(targets.c.id)
    )
    return tuple(TargetRow(**row) for row in tx.run(query).mappings())


def pending_by_target(tx: Tx, ids: Sequence[int], *, project: str | None) -> dict[int, int]:
    """The number of waiting deliveries by target, in this project or in all if that is None."""
    live = [DeliveryState.PENDING.value, DeliveryState.SENDING.value]
    query = sa.select(deliveries.c.target, sa.func.count().label("n")).where(
        deliveries.c.target.in_(ids), deliveries.c.state.in_(live)
    )
    if project is not None:
        query = query.where(deliveries.c.project == project)
    return {row.target: int(row.n) for row in tx.run(query.group_by(deliveries.c.target))}
