"""The detail text of audit entries: written with the act, and parsed again for the timeline.

An act that ends by itself starts with its end, `until 2026-11-22T09:00:00Z`; further text follows a semicolon.
"""

from __future__ import annotations

from notifier.domain.incident_history import AuditEntry
from notifier.domain.time import Instant, parse_rfc3339, rfc3339

_UNTIL = "until "
_UNTIL_THEN = "; "


def until_detail(until: Instant | None, *, taken_over_from: str | None = None) -> str | None:
    """The detail of an acknowledgement or a snooze. None if there is nothing to say."""
    end = None if until is None else f"{_UNTIL}{rfc3339(until)}"
    parts = [end, taken_over_from and f"taken over from {taken_over_from}"]
    return _UNTIL_THEN.join(part for part in parts if part) or None


def ended_detail(owner: str | None, *, by: str) -> str | None:
    """The detail of an act's end: whose act it was, if it was another person's. Else None."""
    return None if owner in {None, by} else f"it was {owner}'s"


def end_of(entry: AuditEntry) -> Instant | None:
    """The time at which an act ends by itself. None if it does not."""
    if entry.detail is None or not entry.detail.startswith(_UNTIL):
        return None
    return parse_rfc3339(entry.detail.removeprefix(_UNTIL).partition(_UNTIL_THEN)[0])


def without_end(entry: AuditEntry) -> str:
    """An act's detail without its end."""
    if end_of(entry) is None:
        return entry.detail or ""
    return (entry.detail or "").partition(_UNTIL_THEN)[2]
