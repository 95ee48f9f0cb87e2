"""An event's exception printed like Python's traceback, as a value for pages and as text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from notifier.wording.text import multiline, plain

CAUSES = 10
FRAMES = 100
_MESSAGE, _NOTE = 8_192, 1_024
_HEAD = "Traceback (most recent call last):"
_BETWEEN = "The above exception was the direct cause of the following exception:"


@dataclass(frozen=True, slots=True, kw_only=True)
class TracebackFrame:
    """A line of the stack. `own` marks the application's frames."""

    place: str
    code: str | None
    own: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameRun:
    """Consecutive frames that are all the application's own, or all not."""

    own: bool
    frames: tuple[TracebackFrame, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RaisedException:
    """One exception of a chain: its frames, outermost first, its last line (`TimeoutError: no`) and its notes."""

    runs: tuple[FrameRun, ...]
    last_line: str
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PrintedTraceback:
    """A chain of exceptions in the order they were raised: each is the cause of the next."""

    exceptions: tuple[RaisedException, ...]

    @property
    def text(self) -> str:
        """The whole traceback as text, with all frames."""
        return f"\n\n{_BETWEEN}\n\n".join("\n".join(_lines(exception)) for exception in self.exceptions)


def traceback_of(event: Mapping[str, Any] | None) -> PrintedTraceback:
    """The traceback of an event, empty if it has no exception."""
    exception = event.get("exception") if isinstance(event, Mapping) else None
    chain = [_raised(link) for link in _chain(exception)]
    return PrintedTraceback(exceptions=tuple(reversed(chain)))


def _chain(exception: object) -> Iterator[Mapping[str, Any]]:
    for _ in range(CAUSES + 1):
        if not isinstance(exception, Mapping):
            return
        yield exception
        exception = exception.get("cause")


def _raised(exception: Mapping[str, Any]) -> RaisedException:
    frames = _frames(exception.get("frames"))
    runs = tuple(
        FrameRun(own=own, frames=tuple(together))
        for own, together in groupby(frames, lambda frame: frame.own)
    )
    notes = exception.get("notes")
    texts = (multiline(note, _NOTE) for note in (notes if isinstance(notes, list | tuple) else ()))
    return RaisedException(
        runs=runs, last_line=_last_line(exception), notes=tuple(text for text in texts if text)
    )


def _last_line(exception: Mapping[str, Any]) -> str:
    kind, module = plain(exception.get("type") or "", 256), plain(exception.get("module") or "", 256)
    if kind and module not in {"", "builtins", "__main__"} and "." not in kind:
        kind = f"{module}.{kind}"
    message = multiline(exception.get("message") or "", _MESSAGE)
    return ": ".join(part for part in (kind, message) if part) or "(no message)"


def _frames(listed: object) -> list[TracebackFrame]:
    """The frames. If none is marked as the application's own, unmarked frames count as own."""
    usable = [frame for frame in listed if isinstance(frame, Mapping)] if isinstance(listed, Sequence) else []
    marks = [frame.get("in_app") for frame in usable[-FRAMES:]]
    if True not in marks:
        marks = [mark is None for mark in marks]
    if True not in marks and marks:
        marks[-1] = True
    return [_frame(frame, own=mark is True) for frame, mark in zip(usable[-FRAMES:], marks, strict=True)]


def _frame(frame: Mapping[str, Any], *, own: bool) -> TracebackFrame:
    line, function = frame.get("line"), plain(frame.get("function") or "", 256)
    place = f'File "{plain(frame.get("file") or "?", 512)}"'
    place += f", line {line}" if isinstance(line, int) and abs(line) < 10**9 else ""
    place += f", in {function}" if function else ""
    return TracebackFrame(place=place, code=plain(frame.get("code") or "", 512) or None, own=own)


def _lines(exception: RaisedException) -> Iterator[str]:
    if exception.runs:
        yield _HEAD
    for run in exception.runs:
        for frame in run.frames:
            yield f"  {frame.place}"
            if frame.code:
                yield f"    {frame.code}"
    yield exception.last_line
    yield from exception.notes
