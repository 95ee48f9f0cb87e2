"""Auto-resolve."""

from __future__ import annotations

import sqlalchemy as sa

from notifier.domain.incident import State
from notifier.domain.time import Duration
from notifier.store.alerting.plan import Progress
from notifier.store.database import Tx
from notifier.store.schema import (
    OPEN,
    incidents,
)

QUIET_AT_ONCE = 500


def resolve_quiet(tx: Tx, auto_resolve: Duration) -> Progress:
    """Resolve incidents that no event has reached for `auto_resolve`."""
    before = tx.now - auto_resolve
    rows = tx.run(
        sa.select(incidents.c.number, incidents.c.last_seen)
        .where(incidents.c.closed == OPEN, incidents.c.quiet_since <= before)
        .order_by(incidents.c.quiet_since)
        .limit(QUIET_AT_ONCE)
        .with_for_update(skip_locked=True)
    ).all()
    quiet = [row.number for row in rows if row.last_seen <= before]
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
    busy = [row.number for row in rows if row.last_seen > before]
    if busy:
        tx.run(
            sa.update(incidents).where(incidents.c.number.in_(busy)).values(quiet_since=incidents.c.last_seen)
        )
    first = sa.select(sa.func.min(incidents.c.quiet_since)).where(incidents.c.closed == OPEN)
    since = tx.run(first).scalar()
    return Progress(
        done=len(quiet),
        more=len(rows) == QUIET_AT_ONCE,
        next_at=None if since is None else since + auto_resolve,
    )
