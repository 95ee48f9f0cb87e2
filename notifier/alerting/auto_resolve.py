"""Auto-resolve: an incident that no event has reached for long enough is resolved."""

from __future__ import annotations

from notifier.domain.time import Duration
from notifier.store.compiled import execute
from notifier.store.database import Tx
from notifier.store.json_rows import encode_values
from notifier.store.statements.quiet import move_quiet_since, next_quiet, quiet_incidents, resolve_incidents
from notifier.telemetry.loop import Progress

QUIET_AT_ONCE = 500


def auto_resolve(tx: Tx, after: Duration) -> Progress:
    """Resolve incidents that no event has reached for `after`.

    An incident that a replayed old event opened is as young as the arrival of that event, so that it is told before it
    ends; one that a person reopened is as young as the reopening. Alerts that have an end of their own are left to it.
    """
    before = tx.now - after
    rows = quiet_incidents(tx, before=before, most=QUIET_AT_ONCE, now=tx.now)
    quiet = [row.number for row in rows if row.active_at <= before]
    if quiet:
        execute(tx, resolve_incidents, {"incidents": encode_values(quiet), "now": tx.now, "by": "auto"})
        tx.signal("attention")
    active = [row.number for row in rows if row.active_at > before]
    if active:
        execute(tx, move_quiet_since, {"incidents": encode_values(active), "now": tx.now})
    since = execute(tx, next_quiet, {}).scalar()
    return Progress(
        done=len(quiet),
        more=len(rows) == QUIET_AT_ONCE,
        next_at=None if since is None else since + after,
    )
