"""Clock findings: an outage in which no process kept time, or a clock that was set back."""

from __future__ import annotations

from enum import StrEnum

from notifier.domain.time import DAY, MINUTE, SECOND, Duration, Instant

NOTED_EVERY: Duration = 30 * SECOND
OUTAGE: Duration = 5 * MINUTE
"""A longer gap is an outage; a restart takes less."""
SET_BACK: Duration = MINUTE
"""A clock that is further behind was set back."""
DOUBTED: Duration = DAY
"""A longer jump ahead may be a wrong clock, by which all data would be old."""
DOUBTED_FOR: Duration = DAY
"""How long people have to correct such a clock before anything is deleted for its age."""


class ClockFinding(StrEnum):
    """The result of a clock check."""

    NOTHING = "nothing"
    NOTE = "note"
    OUTAGE = "service_was_away"
    SET_BACK = "clock_set_back"


def judge(noted: Instant | None, now: Instant) -> ClockFinding:
    """The finding at `now`, if time was last kept at `noted`; None if never before."""
    if noted is None:
        return ClockFinding.NOTE
    passed = now - noted
    if passed <= -SET_BACK:
        return ClockFinding.SET_BACK
    if passed >= OUTAGE:
        return ClockFinding.OUTAGE
    return ClockFinding.NOTE if passed >= NOTED_EVERY else ClockFinding.NOTHING


def is_doubted(noted: Instant | None, now: Instant) -> bool:
    """Whether the clock has jumped so far ahead since time was last kept that it may be wrong."""
    return noted is not None and now - noted > DOUBTED
