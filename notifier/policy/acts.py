"""Acts of people: their effect on an incident, the links that mails offer, and the grouping of acts in time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from notifier.domain.incident import Incident
from notifier.domain.message import Message
from notifier.domain.state import State
from notifier.domain.time import SECOND, Duration, Instant
from notifier.domain.value import replace

GATHERED: Duration = 3 * SECOND
"""Acts on a group within this time after a first act are notified together at its end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LockedIncident:
    """An incident that is locked for the current transaction."""

    number: int
    id: str
    project: str
    environment: str
    fingerprint: str
    state: State
    acknowledged_by: str | None
    acknowledged_at: Instant | None
    acknowledged_until: Instant | None
    snoozed_by: str | None
    snoozed_until: Instant | None
    reopened_by: str | None
    resolved_by: str | None
    resolved_at: Instant | None


def in_force(incident: LockedIncident, now: Instant) -> LockedIncident:
    """The incident without an acknowledgement or snooze that has expired, even if its row still has it."""
    if incident.state is State.ACKNOWLEDGED and _over(incident.acknowledged_until, now):
        incident = replace(
            incident, state=State.OPEN, acknowledged_by=None, acknowledged_at=None, acknowledged_until=None
        )
    if incident.snoozed_until is None or _over(incident.snoozed_until, now):
        incident = replace(incident, snoozed_by=None, snoozed_until=None)
    return incident


def _over(until: Instant | None, now: Instant) -> bool:
    return until is not None and until <= now


LINKED_AT_MOST = 5
"""How many of a message's incidents have links."""

# The further the state of an incident, the fewer acts remain.
_POSSIBLE: Mapping[State, tuple[str, ...]] = {
    State.OPEN: ("acknowledge", "snooze", "resolve"),
    State.ACKNOWLEDGED: ("snooze", "resolve"),
    State.RESOLVED: (),
}


def linked_acts(message: Message) -> list[tuple[Incident, str]]:
    """The acts that a mail offers as links: those that are still possible, for its first incidents.

    Messages of the service about itself have an incident with the number 0, and no links.
    """
    incidents = {told.incident.id: told.incident for told in message.told}
    linked = [incident for incident in incidents.values() if incident.number and _POSSIBLE[incident.state]]
    return [(incident, act) for incident in linked[:LINKED_AT_MOST] for act in _POSSIBLE[incident.state]]
