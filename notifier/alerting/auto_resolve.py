"""Auto-resolve."""

from __future__ import annotations

import sqlalchemy as sa

from notifier.domain.incident import State
from notifier.domain.time import Duration
from notifier.store.database import Tx
from notifier.store.schema import (
    incidents,
)
from notifier.telemetry.loop import Progress

QUIET_AT_ONCE = 500


def auto_resolve(tx: Tx, after: Duration) -> Progress:
    """Resolve incidents that no event has reached for `after`.

    One that was opened by a replayed old event is as young as its arrival: somebody must have heard of it. One that a
    person reopened is as young as that.
    """
    before = tx.now - after
    reopened_at = sa.func.coalesce(incidents.c.reopened_at, incidents.c.opened_at)
    active = sa.case((incidents.c.last_seen > reopened_at, incidents.c.last_seen), else_=reopened_at)
    rows = tx.run(
        sa.select(incidents.c.number, active.label("active_at"))
        .where(incidents.c.closed == sa.literal_column("0"), incidents.c.quiet_since <= before)
        .order_by(incidents.c.quiet_since)
        .limit(QUIET_AT_ONCE)
        .with_for_update(skip_locked=True)
    ).all()
    quiet = [row.number for row in rows if row.active_at <= before]
    if quiet:
        tx.run(
            sa.update(incidents)
            .where(incidents.c.number.in_(quiet))
            .values(
                state=State.RESOLVED.value,
                closed=incidents.c.number,
                resolved_at=tx.now,
                resolved_by="auto",
                waiting=0,
                attention_at=sa.func.coalesce(incidents.c.attention_at, tx.now),
            )
        )
        tx.signal("attention")
    busy = [row.number for row in rows if row.active_at > before]
    if busy:
        tx.run(sa.update(incidents).where(incidents.c.number.in_(busy)).values(quiet_since=active))
    first = sa.select(sa.func.min(incidents.c.quiet_since)).where(
        incidents.c.closed == sa.literal_column("0")
    )
    since = tx.run(first).scalar()
    return Progress(
        done=len(quiet),
        more=len(rows) == QUIET_AT_ONCE,
        next_at=None if since is None else since + after,
    )
