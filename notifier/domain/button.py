"""The buttons under a chat message: what each does, and the value that it carries, which is ids and no more."""

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
    """How long `silence` lasts; `MORNING` is until the next nine o'clock."""

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
    """The value that a button carries: its message's thread, and how long where that was a choice."""
    return thread if span is None else f"{thread}:{span.value}"


def read(text: str) -> tuple[str, Span | None] | None:
    """The inverse of `value`; None where it is the value of no button of ours."""
    thread, colon, name = text.partition(":")
    if not thread or not colon:
        return (thread, None) if thread else None
    return (thread, Span(name)) if name in set(Span) else None
