"""The buttons under a chat message: their acts, and the values they carry, which consist of ids only."""

from __future__ import annotations

from enum import StrEnum

from notifier.domain.time import HOUR, MINUTE, Duration


class Button(StrEnum):
    """The act of a button on the incidents of its message."""

    ACKNOWLEDGE = "acknowledge"
    SILENCE = "silence"
    RESOLVE = "resolve"
    OPEN = "open"


class Span(StrEnum):
    """How long a silence lasts; `MORNING` is until the next nine o'clock."""

    HALF_HOUR = "30m"
    HOUR = "1h"
    FOUR_HOURS = "4h"
    MORNING = "morning"


LENGTHS: dict[Span, Duration] = {
    Span.HALF_HOUR: 30 * MINUTE,
    Span.HOUR: HOUR,
    Span.FOUR_HOURS: 4 * HOUR,
}
MORNING_HOUR = 9


def value(thread: str, span: Span | None = None) -> str:
    """The value of a button: the thread of its message, and the duration if that was a choice."""
    return thread if span is None else f"{thread}:{span.value}"


def read(text: str) -> tuple[str, Span | None] | None:
    """Parse a button's value. Returns None if `value` has not produced it."""
    thread, colon, name = text.partition(":")
    if not thread or not colon:
        return (thread, None) if thread else None
    return (thread, Span(name)) if name in set(Span) else None
