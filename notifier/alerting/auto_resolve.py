"""Auto-resolve: resolves incidents that have received no event for `auto_resolve`."""

from __future__ import annotations

from notifier.domain.time import Duration
from notifier.store.compiled import execute
from notifier.store.database import Tx
from notifier.store.json_rows import encode_values
from notifier.store.statements.quiet import move_quiet_since, next_quiet, quiet_incidents, resolve_incidents
from notifier.telemetry.loop import Progress

QUIET_AT_ONCE = 500


def auto_resolve(tx: Tx, after: Duration) -> Progress:
    """Resolve incidents that have received no event for `after` milliseconds.

    The age of an incident opened by an old, replayed event counts from the arrival of that event, so that the
    incident is notified about before it is resolved. The age of an incident that a person reopened counts
    from the reopening. Alerts that have an `endsAt` are left to `Expiry`.
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
