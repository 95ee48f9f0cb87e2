"""Acts of people: the incident that an act meets, the acts that a mail offers, and which acts are told together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from notifier.domain.incident import Incident
from notifier.domain.message import Message
from notifier.domain.state import State
from notifier.domain.time import SECOND, Duration, Instant
from notifier.domain.value import replace

GATHERED: Duration = 3 * SECOND
"""Acts on a group within this time of a first act are told together at its end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LockedIncident:
    """One incident, which nobody else changes until the transaction ends."""

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
    """The incident without an acknowledgement or a snooze whose time is over, whether or not its row says so yet."""
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

# The fewer, the further an incident is.
_POSSIBLE: Mapping[State, tuple[str, ...]] = {
    State.OPEN: ("acknowledge", "snooze", "resolve"),
    State.ACKNOWLEDGED: ("snooze", "resolve"),
    State.RESOLVED: (),
}


def linked_acts(message: Message) -> list[tuple[Incident, str]]:
    """The acts that a mail offers as links: those that are still possible, of its first incidents.

    A message of the service about itself is about no incident, and its number is 0.
    """
    incidents = {told.incident.id: told.incident for told in message.told}
    linked = [incident for incident in incidents.values() if incident.number and _POSSIBLE[incident.state]]
    return [(incident, act) for incident in linked[:LINKED_AT_MOST] for act in _POSSIBLE[incident.state]]
