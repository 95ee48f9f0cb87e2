"""The header of a stack: the line above the first frame that says what was raised, with its message."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from notifier.ingest.traces.patterns import LineMatch, LinePattern
from notifier.ingest.traces.raised import Raised, begins_record

_LABELS: Final = frozenset({
    "Message", "Stack", "StackTrace", "Stacktrace", "Backtrace", "Callstack", "Trace", "Details", "Reason", "Note",
    "TRACE", "DEBUG", "INFO", "NOTICE", "WARN", "WARNING", "ERROR", "SEVERE", "CRITICAL", "FATAL",
})  # fmt: skip
LINES: Final = 40
"""The limit of a message above the first frame."""


class StackHead(NamedTuple):
    """`raised` has no frames. `first` is the line of the header, and `lead` the text before it in that line."""

    raised: Raised
    first: int
    lead: str


def head_above(
    lines: Sequence[str], frame: int, patterns: Sequence[LinePattern], *, until: int | None = None
) -> StackHead | None:
    """The nearest line above a frame that a pattern with the groups `lead`, `type` and `message` matches.

    The lines between it and the frame, or the line `until`, are the rest of the message.
    """
    for index in range(frame - 1, max(-1, frame - 1 - LINES), -1):
        match = _head_in(lines[index], patterns)
        if match is not None:
            message = "\n".join([match["message"] or "", *lines[index + 1 : until or frame]]).strip()
            return StackHead(
                Raised(type=match["type"], message=message or None), index, match["lead"].rstrip()
            )
        if begins_record(lines[index]):
            break
    return None


def _head_in(line: str, patterns: Sequence[LinePattern]) -> LineMatch | None:
    """The first pattern's match whose type is no log level or field name."""
    for pattern in patterns:
        match = pattern.match(line)
        if match is not None and match["type"] not in _LABELS:
            return match
    return None
