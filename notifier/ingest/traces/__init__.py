"""Stack traces in text, of Python, Java, JavaScript, Go, .NET, Ruby and PHP, as exceptions with frames.

`python` reads tracebacks, `stacks` what begins with the innermost frame, `prefixes` takes off what a log puts before
each line. Bounded: of a longer text that end is read where a language has what was raised, and of a request at most so
many lines. Every pattern is RE2's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import re2

from notifier.ingest.schema import CAUSES, CONTEXT_WIDTH, FRAMES, FRAMES_OUTERMOST
from notifier.ingest.traces import python, stacks
from notifier.ingest.traces.prefixes import without_prefixes
from notifier.ingest.traces.raised import Frame, Raised, Trace

CHARS: Final = 65_536
LINES: Final = 512
"""Of one trace: a hundred frames with their code, and causes."""
LINES_OF_REQUEST: Final = 100_000
KEPT: Final = "trace"
KEPT_CHARS: Final = 32_768
"""Of a message that held a trace; as it was, it is kept beside the exception."""
_LINE_CHARS: Final = 2_000
_COLOURS: Final = re2.compile(r"\x1b\[[0-9;]{0,16}m")
_HINT: Final = re2.compile(
    r"Traceback \(most recent call last\)|\bat \S+.*[(:]|goroutine [0-9]+ |#0 |:[0-9]+:in ['\x60]"
)


@dataclass(slots=True)
class TraceBudget:
    """The lines that may still be read of a request's traces."""

    lines: int = LINES_OF_REQUEST

    def takes(self, text: str) -> bool:
        """Whether a trace is read as well."""
        self.lines -= min(LINES, text.count("\n") + 1)
        return self.lines >= 0


@dataclass(frozen=True, slots=True, kw_only=True)
class TracedMessage:
    """A message that held a trace: the exception, and the text around it. `kept` is the message as it was, in lines."""

    exception: dict[str, Any]
    rest: str | None
    kept: list[Any]


def may_hold_trace(message: str) -> bool:
    """Whether a message is worth reading: one line is none."""
    return "\n" in message and _HINT.search(message) is not None


def in_message(message: str) -> TracedMessage | None:
    """The exception that a message tells of by a trace; None where it holds none that says what was raised."""
    if not may_hold_trace(message):
        return None
    lines = without_prefixes(_lines(message))
    trace = _trace(lines)
    if trace is None:
        return None
    around = [*lines[: trace.first], trace.lead, *lines[trace.end :]]
    rest = "\n".join(line for line in around if line.strip()).strip()
    raised = trace.chain[0]
    if raised.type is None and (python.HEAD in message or trace.chain[1:]):
        # Cut off before it says what was raised: what was said before the trace stands for that.
        raised.message, rest = rest or None, ""
    exception = _told(trace.chain)
    if exception is None or not any(one.frames for one in trace.chain):
        return None
    return TracedMessage(exception=exception, rest=rest or None, kept=_kept_text(message))


def exception_in(text: str, *, type_: str | None = None, message: str | None = None) -> dict[str, Any] | None:
    """The exception that a trace tells of, with its causes; type and message are the sender's where it gives them.

    None where there is neither a trace nor a type nor a message.
    """
    trace = _trace(without_prefixes(_lines(text)))
    chain = [Raised()] if trace is None else trace.chain
    raised = chain[0]
    raised.type = type_ or raised.type
    if raised.message is None or (
        message is not None and raised.message != repr(message)
    ):  # a KeyError's, in quotes
        raised.message = message or raised.message
    return _told(chain)


def _lines(text: str) -> list[str]:
    """The end of a long Python text, where it says what was raised, and the beginning of others."""
    is_python = python.HEAD in text
    part = text if len(text) <= CHARS else text[-CHARS:] if is_python else text[:CHARS]
    if "\x1b" in part:
        part = _COLOURS.sub("", part)
    lines = [line[:_LINE_CHARS].rstrip("\r") for line in part.split("\n")]
    if not is_python:
        return lines[:LINES]
    return lines if len(lines) <= LINES and len(text) <= CHARS else [python.HEAD, *lines[-LINES:]]


def _trace(lines: Sequence[str]) -> Trace | None:
    return python.read(lines) or stacks.read(lines)


def _told(chain: Sequence[Raised]) -> dict[str, Any] | None:
    told: dict[str, Any] | None = None
    for raised in reversed(chain[: CAUSES + 1]):
        if raised.type is None and raised.message is None:
            continue
        module, name = _split(raised.type)
        told = {
            "type": name,
            "module": module,
            "message": raised.message,
            "frames": _kept(raised.frames),
            "cause": told,
        }
        told = {key: value for key, value in told.items() if value}
    return told


def _split(type_: str | None) -> tuple[str | None, str | None]:
    """`shop.errors.Broken` as module and name, as the native client tells them."""
    if type_ is None:
        return None, None
    module, _, name = type_.rpartition(".")
    return module or None, name or None


def _kept(frames: Sequence[Frame]) -> list[Frame]:
    if len(frames) <= FRAMES:
        return list(frames)
    return [*frames[:FRAMES_OUTERMOST], *frames[FRAMES_OUTERMOST - FRAMES :]]


def _kept_text(message: str) -> list[Any]:
    """The lines of a message; of more than a list may hold, lists of them."""
    lines = message[:KEPT_CHARS].split("\n")
    if len(lines) <= CONTEXT_WIDTH:
        return list(lines)
    return [lines[start : start + CONTEXT_WIDTH] for start in range(0, len(lines), CONTEXT_WIDTH)]
