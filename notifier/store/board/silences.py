"""Silences: a page at a time, and what each holds now."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import sqlalchemy as sa

from notifier.domain.notification import HeldBy
from notifier.domain.silence import Silence
from notifier.domain.time import Instant
from notifier.store.board.paging import Key, Page, cut, earlier
from notifier.store.database import Tx
from notifier.store.schema import incidents, members, silences
from notifier.store.silences import silence_of

Phase = Literal["pending", "active", "expired"]


def find_silences(
    tx: Tx, *, project: str, state: Phase | None, after: Key | None, limit: int
) -> Page[Silence]:
    """Of one project, newest first."""
    order = [silences.c.created_at, silences.c.id]
    query = sa.select(silences).where(silences.c.project == project, earlier(order, after))
    if state is not None:
        query = query.where(_in_phase(state, tx.now))
    rows = tx.run(query.order_by(*(column.desc() for column in order)).limit(limit + 1)).all()
    return cut(rows, limit, silence_of, lambda row: (row.created_at, row.id))


def held_now(tx: Tx, ids: Sequence[str]) -> dict[str, int]:
    """How many incidents that are not resolved each of these silences keeps from being told."""
    query = (
        sa.select(members.c.hold_ref, sa.func.count(sa.distinct(members.c.incident)).label("n"))
        .join(incidents, incidents.c.number == members.c.incident)
        .where(
            members.c.hold_ref.in_(ids),
            members.c.held_by == HeldBy.SILENCED.value,
            incidents.c.closed == sa.literal_column("0"),
        )
        .group_by(members.c.hold_ref)
    )
    return {row.hold_ref: int(row.n) for row in tx.run(query)}


def _in_phase(state: Phase, now: Instant) -> sa.ColumnElement[bool]:
    over = sa.and_(silences.c.ends_at.is_not(None), silences.c.ends_at <= now)
    if state == "expired":
        return over
    begun = silences.c.starts_at <= now
    return sa.and_(sa.not_(over), begun if state == "active" else sa.not_(begun))
