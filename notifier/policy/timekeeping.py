"""Findings of a look at the clock: time that nobody kept, or a clock that was set back."""

from __future__ import annotations

from enum import StrEnum

from notifier.domain.time import DAY, MINUTE, SECOND, Duration, Instant

NOTED_EVERY: Duration = 30 * SECOND
OUTAGE: Duration = 5 * MINUTE
"""Whoever kept no time for so long was away, or stood still: a restart takes less."""
SET_BACK: Duration = MINUTE
"""A clock is so far behind only where somebody has set it."""
DOUBTED: Duration = DAY
"""A step ahead that is longer may be a clock that is wrong, by which everything would be old."""
DOUBTED_FOR: Duration = DAY
"""How long people have to set such a clock right before anything is removed for its age."""


class ClockFinding(StrEnum):
    """A finding: what a look at the clock asks for."""

    NOTHING = "nothing"
    NOTE = "note"
    OUTAGE = "service_was_away"
    SET_BACK = "clock_set_back"


def judge(noted: Instant | None, now: Instant) -> ClockFinding:
    """The finding, where somebody last kept time at `noted`; None: nobody ever did."""
    if noted is None:
        return ClockFinding.NOTE
    passed = now - noted
    if passed <= -SET_BACK:
        return ClockFinding.SET_BACK
    if passed >= OUTAGE:
        return ClockFinding.OUTAGE
    return ClockFinding.NOTE if passed >= NOTED_EVERY else ClockFinding.NOTHING


def is_doubted(noted: Instant | None, now: Instant) -> bool:
    """Whether the clock has gone so far ahead since somebody last kept time that it may be wrong."""
    return noted is not None and now - noted > DOUBTED
