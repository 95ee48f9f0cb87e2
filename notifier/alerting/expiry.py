"""Expiry: resolves alerts that their sender no longer posts, unless this service could not receive them."""

from __future__ import annotations

from notifier.domain.time import Duration
from notifier.policy.observation import ObservationPeriod
from notifier.store import hold
from notifier.store.compiled import execute
from notifier.store.database import Tx
from notifier.store.json_rows import encode_rows, encode_values
from notifier.store.statements import alerts
from notifier.store.statements.quiet import resolve_incidents
from notifier.telemetry.loop import Progress

EXPIRED_AT_ONCE = 500


class Expiry:
    """Resolves expired alerts, counting only time in which this process could have received them."""

    def __init__(self) -> None:
        self._observed = ObservationPeriod()

    def expire(self, tx: Tx, timeout: Duration) -> Progress:
        """Resolve alerts that ended more than `timeout` ago.

        Returns early if none could be received for that long.
        """
        now = tx.now
        self._observed = self._observed.checked(now, held=hold.current(tx) is not None)
        since = self._observed.since
        if self._observed.held or since is None:
            return Progress(done=0, more=False)
        before = now - timeout
        if since > before:
            return Progress(done=0, more=False, next_at=since + timeout)
        due = alerts.due(tx, before=before, most=EXPIRED_AT_ONCE)
        numbers = {row.incident for row in due if row.incident is not None}
        free = {
            row.number for row in execute(tx, alerts.lock_open, {"incidents": encode_values(sorted(numbers))})
        }
        # An incident that another transaction has locked may be about to receive its alert again: it is left
        # for the next run.
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
