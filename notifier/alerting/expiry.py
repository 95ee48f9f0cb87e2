"""Expiry: an alert that its sender posts no more is resolved, unless it is we who could not hear it."""

from __future__ import annotations

from notifier.domain.time import Duration
from notifier.policy.hearing import Hearing
from notifier.store import hold
from notifier.store.compiled import execute
from notifier.store.database import Tx
from notifier.store.json_rows import encode_rows, encode_values
from notifier.store.statements import alerts
from notifier.store.statements.quiet import resolve_incidents
from notifier.telemetry.loop import Progress

EXPIRED_AT_ONCE = 500


class Expiry:
    """Knows since when alerts have been heard: since the start, the last standstill, and the end of a hold."""

    def __init__(self) -> None:
        self._hearing = Hearing()

    def expire(self, tx: Tx, timeout: Duration) -> Progress:
        """Resolve alerts whose end lies `timeout` back, and so does the moment since when they could be heard."""
        now = tx.now
        self._hearing = self._hearing.looked(now, held=hold.current(tx) is not None)
        since = self._hearing.since
        if self._hearing.held or since is None:
            return Progress(done=0, more=False)
        before = now - timeout
        if since > before:
            return Progress(done=0, more=False, next_at=since + timeout)
        due = alerts.due(tx, before=before, most=EXPIRED_AT_ONCE)
        numbers = {row.incident for row in due if row.incident is not None}
        free = {
            row.number for row in execute(tx, alerts.lock_open, {"incidents": encode_values(sorted(numbers))})
        }
        # What somebody else holds is looked at again: it may be about to go on.
        over = [row for row in due if row.incident is None or row.incident in free]
        if over:
            identities = [(row.project, row.environment, row.fingerprint) for row in over]
            execute(tx, alerts.end, {"identities": encode_rows(identities)})
        if free:
            ended = {"incidents": encode_values(sorted(free)), "now": now, "by": "expired"}
            execute(tx, resolve_incidents, ended)
            tx.signal("attention")
        following = execute(tx, alerts.next_end, {}).scalar()
        return Progress(
            done=len(over),
            more=len(over) == EXPIRED_AT_ONCE,
            next_at=None if following is None else max(following + timeout, now + 1),
        )
