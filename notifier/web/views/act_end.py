"""The end of an act, as forms ask for it and as notices state it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from notifier.domain.time import DAY, HOUR, SECOND, WEEK, Duration, Instant
from notifier.oncall.errors import Unreadable
from notifier.web.forms import Form

CHOICES: Mapping[str, tuple[str, Duration]] = {
    "1h": ("1 hour", HOUR),
    "4h": ("4 hours", 4 * HOUR),
    "8h": ("8 hours", 8 * HOUR),
    "1d": ("1 day", DAY),
    "3d": ("3 days", 3 * DAY),
    "1w": ("1 week", WEEK),
}


def end_of(form: Form, now: Instant) -> Instant | None:
    """The end that a form specifies: a time in UTC, or a duration from now; None if it specifies none.

    `Unreadable` is raised for anything else.
    """
    text = form.get("until").strip()
    if text:
        return _moment(text)
    chosen = form.get("for").strip()
    if not chosen:
        return None
    if chosen not in CHOICES:
        raise Unreadable("for", "choose one of the lengths of time that the form offers")
    return now + CHOICES[chosen][1]


def _moment(text: str) -> Instant:
    """A time as browsers send it (`2026-11-22T09:00`), with or without seconds and a zone."""
    try:
        at = datetime.fromisoformat(text)
        at = at.replace(tzinfo=UTC) if at.tzinfo is None else at
        return int(at.timestamp()) * SECOND
    except (ValueError, OverflowError):
        raise Unreadable("until", "write the moment as 2026-11-22T09:00, in UTC") from None
