"""The effects of an action: changes incidents, makes their groups due, and routes incidents that end or return.

The first change of a burst is notified at once, so that people see their action confirmed; further ones are collected
until the burst's end (`GATHERED`). Each function takes the locked incidents of one transaction.
"""

from __future__ import annotations

from collections.abc import Sequence

from notifier.domain.state import State
from notifier.domain.time import Instant
from notifier.policy.acts import GATHERED, LockedIncident
from notifier.store import incidents
from notifier.store.database import Tx


def acknowledge(tx: Tx, *incidents_: LockedIncident, by: str, until: Instant | None) -> None:
    """Stops repeats and escalation until `until`, or until a reopening. Taking over restarts the acknowledgement."""
    incidents.set_acknowledged(tx, _numbers(incidents_), by=by, until=until)
    _notify(tx, incidents_)


def unacknowledge(tx: Tx, incident: LockedIncident, *, by: str) -> None:
    """Makes an acknowledged incident open again. A snooze continues."""
    incidents.set_unacknowledged(tx, [incident.number], by=by)
    _notify(tx, [incident])


def unsnooze(tx: Tx, incident: LockedIncident) -> None:
    """Ends a snooze. An incident that is still open is notified."""
    incidents.set_unsnoozed(tx, [incident.number])
    _notify(tx, [incident])


def snooze(tx: Tx, *snoozed: LockedIncident, by: str, until: Instant) -> None:
    """Holds everything but the incidents' resolution until `until`. The action itself is not notified."""
    numbers = _numbers(snoozed)
    incidents.set_snoozed(tx, numbers, by=by, until=until)
    incidents.make_groups_due(tx, numbers)


def resolve(tx: Tx, *ended: LockedIncident, by: str) -> None:
    """Resolves the incidents. The name of the person who acknowledged is kept."""
    numbers = _numbers(ended)
    incidents.set_resolved(tx, numbers, by=by)
    _notify(tx, ended)
    incidents.request_attention(tx, numbers)


def reopen(tx: Tx, incident: LockedIncident, *, by: str) -> None:
    """Reopens an incident, and restarts its auto-resolve period."""
    incidents.set_reopened(tx, [incident.number], by=by)
    _notify(tx, [incident])
    if incident.state is State.RESOLVED:
        incidents.request_attention(tx, [incident.number])


def _notify(tx: Tx, changed: Sequence[LockedIncident]) -> None:
    incidents.make_groups_due(tx, _numbers(changed), gathered=GATHERED)


def _numbers(changed: Sequence[LockedIncident]) -> list[int]:
    return [incident.number for incident in changed]
