"""An alert that is posted again and again: whether it is new, the same as before, or over (RULES.md#senders)."""

from __future__ import annotations

from typing import Final, Literal

from notifier.domain.time import DAY, HOUR, Duration, Instant
from notifier.domain.value import Value

AHEAD: Final[Duration] = HOUR
"""An alert that starts further in the future was dated by a clock that is wrong."""
STALE: Final[Duration] = DAY
"""Nobody tells the end of what nobody knows for so long, unless a clock is wrong."""

AlertVerdict = Literal["opens", "goes_on", "stays_closed", "ends", "nothing", "stale"]
"""What an alert does. `stays_closed`: a person has resolved it, and it fires on."""


class PostedAlert(Value, frozen=True, kw_only=True):
    """An alert as posted, with its sender's times."""

    starts_at: Instant | None
    ends_at: Instant | None


class KnownAlert(Value, frozen=True, kw_only=True):
    """An alert as it is known. `ends_at`: None once it is over. `ended_at` is the last end that its sender told."""

    starts_at: Instant
    ends_at: Instant | None
    ended_at: Instant | None


class AlertIncident(Value, frozen=True, kw_only=True):
    """The newest incident of an alert. `by_hand`: a person resolved it."""

    resolved: bool
    by_hand: bool


def firing_until(posted: PostedAlert, now: Instant, timeout: Duration) -> Instant | None:
    """When the alert ends unless it comes again; None: it is over. A clock that is ahead does not count."""
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
    """The verdict on an alert.

    One that fires goes on with the incident that is not resolved. Where a person has resolved that, the same firing
    stays closed: the next, which starts later, opens another. Everything else opens one. An end ends what is not
    resolved, unless it has been told before, as replicas of a pair do.
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
    """Whether it is the firing that was known, by its sender's own clock."""
    if known is None:
        return False
    if posted.starts_at is None:
        return known.ends_at is not None and known.ends_at >= now
    return posted.starts_at <= known.starts_at
