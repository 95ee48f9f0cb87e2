"""PHP's traces. Causes come first, in Laravel's logs last, and a row's location is the caller's."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import re2

from notifier.ingest.traces.heads import LINES
from notifier.ingest.traces.patterns import LineMatch, LinePattern
from notifier.ingest.traces.raised import Frame, Raised, Trace, frame

OPENING: Final = re2.compile(r"(?m)^#0 (?:\S.*\([0-9]{1,9}\): |\[internal function\]: |\{main\})")
_ROW: Final = LinePattern(
    r"^#[0-9]+ (?:(?P<file>.+?)\((?P<line>[0-9]{1,9})\): |\[internal function\]: )(?P<function>[^(]+)\("
)
_MAIN: Final = LinePattern(r"^#[0-9]+ \{main\}")
_BANNER: Final = LinePattern(r"^(?:Stack trace:|\[stacktrace\])\s*$")
_TYPE: Final = r"(?P<type>\\{0,2}(?:[A-Za-z_]\w*\\{1,2})*[A-Z]\w*(?:@anonymous)?)"
_HEAD: Final = LinePattern(rf"^(?P<lead>.*?[\s:\]|-] ?)?(?:Uncaught |Next )?{_TYPE}(?P<said>: .*| in .*)$")
_PLACED: Final = LinePattern(
    r"(?s)^(?P<message>.*?)(?:^| )in (?P<file>[^\n]+?)(?::| on line )(?P<line>[0-9]{1,9})$"
)
_OBJECT: Final = LinePattern(
    rf"^(?P<lead>.*?)\[object\] \({_TYPE}\(code: [^)]{{0,40}}\): "
    r"(?P<message>.*) at (?P<file>.+):(?P<line>[0-9]{1,9})\)$"
)
_NEXT: Final = "Next "
_PREVIOUS: Final = "[previous exception]"


class _Head:
    """The header: an exception, and the innermost location, which the rows do not include."""

    def __init__(self, raised: Raised, first: int, lead: str, place: Frame | None) -> None:
        self.raised, self.first, self.lead, self.place = raised, first, lead, place


def read(lines: Sequence[str], opening: int) -> Trace | None:
    """The trace. Its chain begins with the exception that was raised last."""
    chain: list[Raised] = []
    first, lead, end = opening, "", opening
    start: int | None = opening
    causes_last = False
    while start is not None:
        head = _head(lines, start, after=end if chain else 0)
        rows, end = _rows(lines, start)
        raised = Raised() if head is None else head.raised
        raised.frames = _frames(rows, None if head is None else head.place)
        if not chain and head is not None:
            first, lead = head.first, head.lead
        chain.append(raised)
        causes_last = causes_last or any(_PREVIOUS in line for line in lines[end : end + 2])
        start = _next(lines, end)
    if end < len(lines) and lines[end].startswith("  thrown in "):
        end += 1
    return Trace(chain=chain if causes_last else chain[::-1], first=first, end=end, lead=lead)


def _head(lines: Sequence[str], opening: int, *, after: int) -> _Head | None:
    banner = opening - 1 if opening and _BANNER.match(lines[opening - 1]) else opening
    for index in range(banner - 1, max(after - 1, -1, banner - 1 - LINES), -1):
        match = _OBJECT.match(lines[index])
        if match is not None:
            place = frame(match["file"], None, match["line"])
            raised = Raised(type=_name(match["type"]), message=match["message"])
            return _Head(raised, index, match["lead"].removesuffix('{"exception":"').rstrip(), place)
        match = _HEAD.match(lines[index])
        if match is not None:
            text = "\n".join([match["said"].removeprefix(": "), *lines[index + 1 : banner]])
            placed = _PLACED.match(text.strip())
            if placed is None:
                raised = Raised(type=_name(match["type"]), message=text.strip() or None)
                return _Head(raised, index, (match["lead"] or "").rstrip(), None)
            raised = Raised(type=_name(match["type"]), message=placed["message"].strip() or None)
            lead = (match["lead"] or "").rstrip()
            return _Head(raised, index, lead, frame(placed["file"], None, placed["line"]))
    return None


def _name(written: str) -> str:
    """The name of a class or function. Logs in JSON double each backslash."""
    return written.replace("\\\\", "\\").removeprefix("\\")


def _rows(lines: Sequence[str], opening: int) -> tuple[list[LineMatch], int]:
    rows: list[LineMatch] = []
    index = opening
    while index < len(lines):
        row = _ROW.match(lines[index])
        if row is not None:
            rows.append(row)
        elif _MAIN.match(lines[index]):
            return rows, index + 1
        elif not lines[index].startswith("#"):
            break
        index += 1
    return rows, index


def _frames(rows: Sequence[LineMatch], raised_at: Frame | None) -> list[Frame]:
    """The frames of rows, outermost first. A row's function runs at the location of the row before it."""
    places = [raised_at, *(_place(row) for row in rows)]
    functions = [*(_name(row["function"]) for row in rows), "{main}"]
    frames = []
    for place, function in zip(places, functions, strict=True):
        if place is not None:
            frames.append({**place, "function": function[:256]})
        elif function != "{main}":
            frames.append(frame(None, function, None, foreign=True))
    return frames


def _place(row: LineMatch) -> Frame | None:
    file = row["file"]
    return frame(file, None, row["line"], foreign="/vendor/" in file) if file else None


def _next(lines: Sequence[str], end: int) -> int | None:
    """The first row of the exception that followed this one."""
    index = end
    while index < len(lines) and not lines[index].strip():
        index += 1
    if index >= len(lines) or not lines[index].startswith((_NEXT, _PREVIOUS)):
        return None
    return next(
        (at for at in range(index, min(len(lines), index + LINES)) if lines[at].startswith("#0 ")), None
    )
