"""Go's panics, and the stack of the goroutine that panicked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import re2

from notifier.ingest.traces.patterns import LinePattern
from notifier.ingest.traces.raised import Frame, Raised, Trace, frame

OPENING: Final = re2.compile(r"(?m)^.{0,200}?goroutine [0-9]+(?: [a-z]+=\S{1,40}){0,4} \[[^\]\n]{1,80}\]:")
_PLACE: Final = LinePattern(r"^\s+(\S.*\.(?:go|s)):([0-9]{1,9})(?: \+0x[0-9a-f]+)?(?: fp=0x.*)?$")
_CALL: Final = LinePattern(
    r"^(?:created by )?([\w./*()\[\]\x{b7}%~-]+?)(?:\([^()]*\))?(?: in goroutine [0-9]+)?$"
)
_PANIC: Final = LinePattern(r"^(?P<lead>.*?)\b(?P<type>panic|fatal error)(?: serving \S+)?: (?P<message>.*)$")
_RECOVERED: Final = re2.compile(r" \[recovered[^\]]*\]$")
_PANICS_ABOVE: Final = 12
_STANDARD: Final = LinePattern(r"^.*(?:/go(?:-[0-9.]+)?/src/|/libexec/src/|@v[0-9]|/pkg/mod/|/vendor/)")
_TRIMMED: Final = LinePattern(r"^[a-z0-9]+/[\w./-]*\.(?:go|s)$")


def read(lines: Sequence[str], opening: int) -> Trace | None:
    """The stack of a goroutine, with the panics above it: the last one is raised, the earlier ones are its causes."""
    first, lead, chain = _panics(lines, opening)
    frames: list[Frame] = []
    end = opening + 1
    for index in range(opening + 1, len(lines)):
        place = _PLACE.match(lines[index])
        if place is not None:
            call = _CALL.match(lines[index - 1].strip())
            frames.append(_frame(place[1], None if call is None else call[1], place[2]))
            end = index + 1
        elif index + 1 >= len(lines) or _PLACE.match(lines[index + 1]) is None:
            break
    if end < len(lines) and lines[end].startswith("exit status "):
        end += 1
    chain[0].frames = frames
    return Trace(chain=chain, first=first, end=end, lead=lead) if frames else None


def _panics(lines: Sequence[str], opening: int) -> tuple[int, str, list[Raised]]:
    """The first panic's line and the text before it, and the panics, the last first."""
    first, lead, chain = opening, lines[opening].partition("goroutine ")[0].rstrip(), []
    for index in range(opening - 1, max(-1, opening - 1 - _PANICS_ABOVE), -1):
        match = _PANIC.match(lines[index])
        if match is None:
            continue
        further = [line for line in lines[index + 1 : first] if line.strip()]
        message = "\n".join([_RECOVERED.sub("", match["message"]), *further])
        chain.append(Raised(type=match["type"], message=message))
        first, lead = index, match["lead"].rstrip()
        if not lines[index][:1].isspace():
            break
    return first, lead, chain or [Raised()]


def _frame(file: str, function: str | None, line: str) -> Frame:
    """A frame. A file of the standard library without its root begins with a package, which has no dot."""
    package = (function or "").rpartition("/")[0] or (function or "").partition(".")[0]
    is_standard = _TRIMMED.match(file) is not None and package != "main" and file.startswith(f"{package}/")
    called = function == "panic" or (function or "").startswith("runtime.")
    foreign = is_standard or called or _STANDARD.match(file) is not None
    return frame(file, function, line, foreign=foreign)
