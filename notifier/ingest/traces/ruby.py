"""Ruby's backtraces, with the innermost frame first or last, as loggers write them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import re2

from notifier.ingest.traces.heads import head_above
from notifier.ingest.traces.patterns import LineMatch, LinePattern
from notifier.ingest.traces.raised import Raised, Trace, begins_record, frame

_PLACE: Final = r"(?P<file>[^\s:][^:\n]*):(?P<line>[0-9]{1,9}):in ['\x60](?P<function>[^\n]+?)'"
OPENING: Final = re2.compile(r"(?m)^.*?[^\s:]:[0-9]{1,9}:in ['\x60]")
_FROM: Final = LinePattern(rf"^\s*(?:[0-9]+: )?(?:from )?{_PLACE}$")
_NUMBERED: Final = LinePattern(r"^\s*[0-9]+: from ")
_HEAD: Final = LinePattern(
    rf"^(?P<lead>.*?\s)?{_PLACE}: (?:(?P<message>.*) )?\((?P<type>(?:[A-Z]\w*::)*[A-Z]\w*)\)$"
)
_NAMED: Final = LinePattern(
    r"^(?P<lead>|.*?[\s:\]|-] ?)(?:#<)?(?P<type>(?:[A-Z]\w*::)*[A-Z]\w*)(?:: | \()(?P<message>.*?)[)>]?:?$"
)


def read(lines: Sequence[str], opening: int) -> Trace | None:
    """The backtrace with its causes, which precede the raised exception if the innermost frame is last."""
    if _NUMBERED.match(lines[opening]):
        return _innermost_last(lines, opening)
    chain: list[Raised] = []
    first, lead, end = opening, "", opening
    for index in range(opening, len(lines)):
        line = lines[index]
        match = _FROM.match(line)
        if match is None and (head := _HEAD.match(line)) is not None:
            chain.append(_raised(head))
            lead = lead or ((head["lead"] or "").rstrip() if len(chain) == 1 else "")
        elif match is not None:
            if not chain:
                named = head_above(lines, index, (_NAMED,))
                chain.append(Raised() if named is None else named.raised)
                if named is not None and lines[named.first].endswith("):"):
                    # A type in parentheses ends the message; a logger's tags follow.
                    chain[-1].message = (named.raised.message or "").partition("\n")[0] or None
                first, lead = (index, "") if named is None else (named.first, named.lead)
            chain[-1].frames.append(_frame(match))
        elif not chain or len(chain[-1].frames) > 1 or begins_record(line) or not line.strip():
            break
        else:
            chain[-1].message = f"{chain[-1].message or ''}\n{line}".strip()
        end = index + 1
    return Trace(chain=chain, first=first, end=end, lead=lead) if chain else None


def _innermost_last(lines: Sequence[str], opening: int) -> Trace:
    """The backtrace whose causes come before the raised exception."""
    chain: list[Raised] = []
    frames: list[dict[str, object]] = []
    first = opening - 1 if opening and lines[opening - 1].startswith("Traceback") else opening
    end = opening
    for index in range(opening, len(lines)):
        line = lines[index]
        if _NUMBERED.match(line) and (match := _FROM.match(line)) is not None:
            frames.append(_frame(match))
        elif (head := _HEAD.match(line)) is not None:
            raised = _raised(head)
            raised.frames += frames[::-1]
            chain.append(raised)
            frames = []
        elif chain and line.strip() and not begins_record(line):
            chain[-1].message = f"{chain[-1].message or ''}\n{line}".strip()
        else:
            break
        end = index + 1
    return Trace(chain=chain[::-1] or [Raised(frames=frames[::-1])], first=first, end=end)


def _raised(head: LineMatch) -> Raised:
    return Raised(type=head["type"], message=head["message"] or None, frames=[_frame(head)])


def _frame(match: LineMatch) -> dict[str, object]:
    file = match["file"]
    return frame(file, match["function"], match["line"], foreign="/gems/" in file)
