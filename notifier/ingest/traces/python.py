"""Python's tracebacks: causes come before the raised exception, and frames are outermost first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from notifier.ingest.traces.patterns import LinePattern
from notifier.ingest.traces.raised import Raised, Trace, begins_record, frame

HEAD: Final = "Traceback (most recent call last)"
_FILE: Final = LinePattern(r'^\s*File "([^"]+)", line ([0-9]{1,9})(?:, in (.+))?$')
_RAISED: Final = LinePattern(r"^([A-Za-z_][\w.]*(?:<locals>[\w.]+)*)(?:: (.*))?$")
_MARKS: Final = LinePattern(r"^[\s~^]+$")
_GROUP_SIDE: Final = LinePattern(r"^\s*(?:\| ?|\+ )")
_GROUP_PART: Final = LinePattern(r"^\s*\+-[+-]*\s*(?:[0-9]+|\.\.\.|)\s*-*$")
_TRIES: Final = 8
_LEAST_OF_GROUP: Final = 40
"""The minimum of lines that a group is charged for, so that few follow each other."""
_LINKS: Final = ("The above exception was", "During handling of")


@dataclass(slots=True)
class _Reading:
    """The tracebacks read so far, in order. `frames` are those of an unfinished one."""

    found: list[Raised] = field(default_factory=list)
    frames: list[dict[str, object]] | None = None
    linked: bool = False
    end: int = 0


def read(lines: Sequence[str], most: int) -> Trace | None:
    """The first traceback that says what was raised, else the first, within `most` lines."""
    incomplete: Trace | None = None
    start = 0
    for _ in range(_TRIES):
        first = next((index for index in range(start, len(lines)) if HEAD in lines[index]), None)
        if first is None:
            break
        trace = _read_at(lines, first, most)
        if trace is not None and trace.chain[0].type is not None:
            return trace
        incomplete = incomplete or trace
        start = first + 1 if trace is None else max(first + 1, trace.end)
    return incomplete


def _read_at(lines: Sequence[str], first: int, most: int) -> Trace | None:
    """The traceback that begins there. The first exception of a group becomes its cause."""
    whole, parts = _ungrouped(lines[first : first + most])
    chain, end = _chain(whole)
    if parts:
        inner = next((part for part in parts if any(map(str.strip, part))), [])
        inside = _chain(inner if any(HEAD in line for line in inner) else [HEAD, *inner])[0]
        chain = [*chain[:1], *inside, *chain[1:]]
        end = len(whole) + sum(len(part) + 1 for part in parts)
        further = _linked(lines, first + end, most - max(end, _LEAST_OF_GROUP))
        if further is not None:
            chain, end = [*further.chain, *chain], further.end - first
    lead = lines[first].partition(HEAD)[0].removesuffix("Exception Group ").rstrip("+ ")
    is_told = any(raised.frames or raised.type for raised in chain)
    return Trace(chain=chain, first=first, end=first + end, lead=lead) if is_told else None


def _linked(lines: Sequence[str], start: int, most: int) -> Trace | None:
    """The tracebacks that follow a group, if the line after it links them."""
    link = next((index for index in range(start, min(start + 3, len(lines))) if lines[index].strip()), None)
    if link is None or not lines[link].startswith(_LINKS):
        return None
    further = read(lines[link:], most)
    if further is not None:
        further.end += link
    return further


def _ungrouped(lines: Sequence[str]) -> tuple[list[str], list[list[str]]]:
    """The lines without a group's margins, and the lines of each exception in it."""
    grouped = next((index for index, line in enumerate(lines) if f"Exception Group {HEAD}" in line), None)
    if grouped is None:
        return list(lines), []
    parts: list[list[str]] = [list(lines[:grouped])]
    for line in lines[grouped:]:
        if _GROUP_PART.match(line):
            parts.append([])
        elif parts[1:] and not line.lstrip().startswith(("|", "+")):
            break
        else:
            side = _GROUP_SIDE.match(line)
            parts[-1].append(line if side is None else line[len(side[0]) :])
    return parts[0], parts[1:]


def _chain(lines: Sequence[str]) -> tuple[list[Raised], int]:
    """The chain from the raised exception to its causes, and the number of lines read."""
    reading = _Reading()
    index = 0
    while index < len(lines):
        line = lines[index]
        if HEAD in line:
            if reading.found and not reading.linked:
                break
            reading.frames, reading.linked = [], False
        elif reading.frames is None:
            reading.linked = reading.linked or line.startswith(_LINKS)
            if line.strip() and not reading.linked:
                break
        elif matched := _FILE.match(line):
            code = _code(lines, index + 1)
            reading.frames.append(frame(matched[1], matched[3], matched[2], code=code))
        elif line[:1] not in {" ", "\t", ""}:
            index = _raised(lines, index, reading)
            continue
        index += 1
        if line.strip():
            reading.end = index
    if reading.frames:
        reading.found.append(Raised(frames=reading.frames))
    return reading.found[::-1], reading.end


def _code(lines: Sequence[str], index: int) -> str | None:
    """The source line below a frame's location."""
    line = lines[index] if index < len(lines) else ""
    if line[:1] not in {" ", "\t"} or _FILE.match(line) or _MARKS.match(line):
        return None
    return line.strip()


def _raised(lines: Sequence[str], index: int, reading: _Reading) -> int:
    """Reads a traceback's last line and the rest of its message. Returns the index of the next line."""
    matched = None if begins_record(lines[index]) else _RAISED.match(lines[index])
    message_lines: list[str] = []
    end = index + 1
    if matched is None:
        # Truncated, or not printed by Python: what has been read so far counts.
        reading.found.append(Raised(frames=reading.frames or []))
        reading.frames, reading.end = None, index
        return len(lines)
    message_lines.append(matched[2] or "")
    while end < len(lines) and not _ends_message(lines[end]):
        message_lines.append(lines[end])
        end += 1
    message = "\n".join(message_lines).strip().removesuffix('"""').rstrip()
    reading.found.append(Raised(type=matched[1], message=message or None, frames=reading.frames or []))
    reading.frames, reading.end = None, end
    return end


def _ends_message(line: str) -> bool:
    return HEAD in line or line.startswith(_LINKS) or begins_record(line)
