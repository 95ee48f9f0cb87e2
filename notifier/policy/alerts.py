"""Repeatedly posted alerts: whether an alert is new, continues, or is over (RULES.md#senders)."""

from __future__ import annotations

from typing import Final, Literal

from notifier.domain.time import DAY, HOUR, Duration, Instant
from notifier.domain.value import Value

AHEAD: Final[Duration] = HOUR
"""An alert that starts further in the future has a wrong clock."""
STALE: Final[Duration] = DAY
"""An end older than this, of an unknown alert, comes from a wrong clock."""

AlertVerdict = Literal["opens", "goes_on", "stays_closed", "ends", "nothing", "stale"]
"""The effect of an alert. `stays_closed` means that a person has resolved the incident and the alert still fires."""


class PostedAlert(Value, frozen=True, kw_only=True):
    """An alert as posted, with its sender's times."""

    starts_at: Instant | None
    ends_at: Instant | None


class KnownAlert(Value, frozen=True, kw_only=True):
    """The stored alert. `ends_at` is None if it is over; `ended_at` is the last end that its sender reported."""

    starts_at: Instant
    ends_at: Instant | None
    ended_at: Instant | None


class AlertIncident(Value, frozen=True, kw_only=True):
    """The newest incident of an alert. `by_hand` means that a person resolved it."""

    resolved: bool
    by_hand: bool


def firing_until(posted: PostedAlert, now: Instant, timeout: Duration) -> Instant | None:
    """When the alert ends unless it is posted again, or None if it is over. A start in the future is ignored."""
    if posted.ends_at is None or (posted.starts_at is not None and posted.starts_at > now + AHEAD):
        return now + timeout
    return posted.ends_at if posted.ends_at > now else None


def judge(
    posted: PostedAlert,
    known: KnownAlert | None,
    incident: AlertIncident | None,
    now: Instant,
    timeout: Duration,
) -> AlertVerdict:
    """The verdict on a posted alert.

    A firing alert continues its unresolved incident. If a person resolved the incident, it stays closed for the same
    firing; a firing that starts later opens a new one. In all other cases a firing alert opens an incident. An end
    resolves the incident unless the same end was reported before, as replicas of a pair do.
    """
    if firing_until(posted, now, timeout) is not None:
        if incident is not None and not incident.resolved:
            return "goes_on"
        by_hand = incident is not None and incident.by_hand
        return "stays_closed" if by_hand and _is_same(posted, known, now) else "opens"
    ends_at = now if posted.ends_at is None else posted.ends_at
    if incident is not None and not incident.resolved:
        told = known is not None and known.ended_at is not None and ends_at <= known.ended_at
        return "nothing" if told else "ends"
    return "stale" if incident is None and known is None and ends_at < now - STALE else "nothing"


def _is_same(posted: PostedAlert, known: KnownAlert | None, now: Instant) -> bool:
    """Whether this is the known firing, judged by its sender's own clock."""
    if known is None:
        return False
    if posted.starts_at is None:
        return known.ends_at is not None and known.ends_at >= now
    return posted.starts_at <= known.starts_at
