"""Effects of an act on incidents: their rows change, their groups look at them, and routing where they end or return.

A change is told at once where it is the first of a burst, so that who acts sees it told, and what follows together at
the burst's end (`GATHERED`). Each function takes the locked incidents of one transaction.
"""

from __future__ import annotations

from collections.abc import Sequence

from notifier.domain.state import State
from notifier.domain.time import Instant
from notifier.policy.acts import GATHERED, LockedIncident
from notifier.store import incidents
from notifier.store.database import Tx


def acknowledge(tx: Tx, *taken: LockedIncident, by: str, until: Instant | None) -> None:
    """Stop repeats and escalation until then, or until a person reopens an incident. A take-over begins anew."""
    incidents.set_acknowledged(tx, _numbers(taken), by=by, until=until)
    _tell(tx, taken)


def unacknowledge(tx: Tx, incident: LockedIncident, *, by: str) -> None:
    """Open an acknowledged incident again; a snooze goes on."""
    incidents.set_unacknowledged(tx, [incident.number], by=by)
    _tell(tx, [incident])


def unsnooze(tx: Tx, incident: LockedIncident) -> None:
    """End a snooze: an incident that is still open is told."""
    incidents.set_unsnoozed(tx, [incident.number])
    _tell(tx, [incident])


def snooze(tx: Tx, *snoozed: LockedIncident, by: str, until: Instant) -> None:
    """Hold everything but the incidents' resolution until then. The act is not told, and so not gathered."""
    numbers = _numbers(snoozed)
    incidents.set_snoozed(tx, numbers, by=by, until=until)
    incidents.make_groups_due(tx, numbers)


def resolve(tx: Tx, *ended: LockedIncident, by: str) -> None:
    """End the incidents. The name of who had acknowledged one stays."""
    numbers = _numbers(ended)
    incidents.set_resolved(tx, numbers, by=by)
    _tell(tx, ended)
    incidents.need_attention(tx, numbers)


def reopen(tx: Tx, incident: LockedIncident, *, by: str) -> None:
    """Open an incident again, as heard of now: auto-resolve starts anew."""
    incidents.set_reopened(tx, [incident.number], by=by)
    _tell(tx, [incident])
    if incident.state is State.RESOLVED:
        incidents.need_attention(tx, [incident.number])


def _tell(tx: Tx, changed: Sequence[LockedIncident]) -> None:
    incidents.make_groups_due(tx, _numbers(changed), gathered=GATHERED)


def _numbers(changed: Sequence[LockedIncident]) -> list[int]:
    return [incident.number for incident in changed]
