"""Details that the audit keeps beside the name of an act: written with the act, read again for the timeline.

The end of an act that ends by itself comes first, `until 2026-11-22T09:00:00Z`, and what else is said of it follows a
semicolon.
"""

from __future__ import annotations

from notifier.domain.incident_history import AuditEntry
from notifier.domain.time import Instant, parse_rfc3339, rfc3339

_UNTIL = "until "
_UNTIL_THEN = "; "


def lasting(until: Instant | None, *, taken_over_from: str | None = None) -> str | None:
    """The detail of an acknowledgement or a snooze; None where there is nothing to say."""
    end = None if until is None else f"{_UNTIL}{rfc3339(until)}"
    parts = [end, taken_over_from and f"taken over from {taken_over_from}"]
    return _UNTIL_THEN.join(part for part in parts if part) or None


def ended_act_of(owner: str | None, *, by: str) -> str | None:
    """The detail of the end of an act: whose it was, where that is another person's."""
    return None if owner in {None, by} else f"it was {owner}'s"


def end_of(entry: AuditEntry) -> Instant | None:
    """When an act is over by itself; None where it is not."""
    if entry.detail is None or not entry.detail.startswith(_UNTIL):
        return None
    return parse_rfc3339(entry.detail.removeprefix(_UNTIL).partition(_UNTIL_THEN)[0])


def apart_from_end(entry: AuditEntry) -> str:
    """The rest of an act's detail, beside its end."""
    if end_of(entry) is None:
        return entry.detail or ""
    return (entry.detail or "").partition(_UNTIL_THEN)[2]
