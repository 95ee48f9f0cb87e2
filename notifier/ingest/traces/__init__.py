"""Parses stack traces in text (Python, Java, JavaScript, Go, .NET, Ruby, PHP) into exceptions with frames.

`python` reads tracebacks, `stacks` reads traces that begin with the innermost frame, and `prefixes` removes what a
log puts before each line. Bounded: a window around the trace, the end of a long traceback, and a number of lines per
request. All patterns are RE2.
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
"""The limit of one trace: a hundred frames with their code, and causes."""
LINES_OF_REQUEST: Final = 100_000
KEPT: Final = "trace"
KEPT_CHARS: Final = 32_768
"""The limit of the original message that is kept beside the exception."""
_CHARS_BEFORE: Final = 8_192
_LINE_CHARS: Final = 2_000
_COLOURS: Final = re2.compile(r"\x1b\[[0-9;]{0,16}m")
_HINT: Final = re2.compile(
    r"Traceback \(most recent call last\)|\bat \S+.*[(:]|goroutine [0-9]+ |#0 |:[0-9]+:in ['\x60]"
)


@dataclass(slots=True)
class TraceBudget:
    """The lines that may still be parsed in one request."""

    lines: int = LINES_OF_REQUEST

    def takes(self, text: str) -> bool:
        """Whether the budget allows a trace, which is then charged for."""
        self.lines -= min(LINES, text.count("\n") + 1)
        return self.lines >= 0


@dataclass(frozen=True, slots=True, kw_only=True)
class TracedMessage:
    """A message that held a trace: the exception, and the text around it. `kept` is the original message, in lines."""

    exception: dict[str, Any]
    rest: str | None
    kept: list[Any]


def may_hold_trace(message: str) -> bool:
    """Whether a message may hold a trace. A single line holds none."""
    return "\n" in message and _HINT.search(message) is not None


def in_message(message: str) -> TracedMessage | None:
    """The exception of the trace in a message. None if there is no trace that says what was raised."""
    if not may_hold_trace(message):
        return None
    window = _window(message)
    trace = _trace(window)
    if trace is None:
        return None
    around = [window.before, *window.raw[: trace.first], trace.lead, *window.raw[trace.end :], window.after]
    rest = "\n".join(text for text in around if text.strip()).strip()
    raised = trace.chain[0]
    if raised.type is None and (python.HEAD in message or trace.chain[1:]):
        # Cut off before the raised exception: the text before the trace takes its place.
        raised.message, rest = rest or None, ""
    exception = _as_exception(trace.chain)
    if exception is None or not any(raised.frames for raised in trace.chain):
        return None
    return TracedMessage(exception=exception, rest=rest or None, kept=_kept_text(message))


def exception_in(text: str, *, type_: str | None = None, message: str | None = None) -> dict[str, Any] | None:
    """The exception of a trace, with its causes. The sender's `type_` and `message` override the trace's.

    None if there is neither a trace nor a type nor a message.
    """
    # A sender's JSON may hold half of a surrogate pair, which cannot be encoded.
    trace = _trace(_window(text.encode("utf-8", "replace").decode()))
    chain = [Raised()] if trace is None else trace.chain
    raised = chain[0]
    if type_ is not None and _split(raised.type)[1] != type_:  # the trace may include the module
        raised.type = type_
    if raised.message is None or (
        message is not None and raised.message != repr(message)
    ):  # a KeyError's message is quoted
        raised.message = message or raised.message
    return _as_exception(chain)


def remote(exception: dict[str, Any], budget: TraceBudget) -> dict[str, Any]:
    """The exception with the frames and the cause it had in another process.

    Process pools send a worker's exception without its traceback. They add that as text: the message of its cause.
    """
    cause = exception.get("cause")
    if not isinstance(cause, dict):
        return exception
    text = cause.get("message")
    if not (is_remote(cause.get("type")) and isinstance(text, str) and budget.takes(text)):
        return {**exception, "cause": remote(cause, budget)}
    there = exception_in(text) or {}
    frames = exception.get("frames")
    here = frames if isinstance(frames, list) else []
    return {**exception, "frames": [*here, *there.get("frames", ())], "cause": there.get("cause")}


def is_remote(type_: object) -> bool:
    """Whether the type stands for a traceback in text, such as multiprocessing's `_RemoteTraceback`."""
    return isinstance(type_, str) and type_.endswith("RemoteTraceback")


@dataclass(slots=True)
class _Window:
    """The part of a text that is parsed, as raw and as cleaned lines, and the text around it.

    `hint` is the index of the first line that looks like a trace: Python's header, other languages' first frame.
    """

    before: str
    raw: list[str]
    lines: list[str]
    after: str
    hint: int


def _window(text: str) -> _Window:
    """The part of a text that is parsed. It begins a little before the first line that looks like a trace."""
    hint = _HINT.search(text)
    at = 0 if hint is None else hint.start()
    start = text.rfind("\n", 0, max(0, at - _CHARS_BEFORE)) + 1 if len(text) > CHARS else 0
    start = max(start, at - CHARS // 2)
    end = start + CHARS
    end = len(text) if end >= len(text) else max(text.rfind("\n", at, end), 0) or end
    raw = _lines(text[start:end])
    line = text.count("\n", start, at)
    first = line if python.HEAD in raw[line] else max(0, line - 1)
    return _Window(text[:start], raw, without_prefixes(raw, first), text[end:], line)


def _lines(text: str) -> list[str]:
    if "\x1b" in text:
        text = _COLOURS.sub("", text)
    return [line[:_LINE_CHARS].rstrip("\r") for line in text.split("\n")]


def _trace(window: _Window) -> Trace | None:
    """The first trace that says what was raised, else the first."""
    trace = python.read(window.lines, LINES)
    if trace is not None and trace.chain[0].type is None:
        _read_end(trace, window)
    if trace is not None and trace.first <= window.hint and trace.chain[0].type is not None:
        return trace
    traces = [each for each in (trace, stacks.read(window.lines, LINES)) if each is not None]
    return min(traces, key=lambda each: (each.chain[0].type is None, each.first), default=None)


def _read_end(trace: Trace, window: _Window) -> None:
    """Reads the end of a long traceback, which says what was raised, and puts it below the outermost frames."""
    if not window.after and len(window.lines) <= trace.first + LINES:
        return
    lines = [*window.lines, *_lines(window.after[-CHARS:])][-LINES:]
    end = python.read([python.HEAD, *lines], LINES + 1)
    if end is None or end.chain[0].type is None or not end.chain[0].frames:
        return
    if len(trace.chain) == len(end.chain) == 1:
        end.chain[0].frames[:0] = trace.chain[0].frames[:FRAMES_OUTERMOST]
    trace.chain, trace.end = end.chain, len(window.lines)
    window.after = "\n".join(lines[end.end - 1 :])


def _as_exception(chain: Sequence[Raised]) -> dict[str, Any] | None:
    document: dict[str, Any] | None = None
    for raised in reversed(chain[: CAUSES + 1]):
        if raised.type is None and raised.message is None:
            continue
        module, name = _split(raised.type)
        document = {
            "type": name,
            "module": module,
            "message": raised.message,
            "frames": _within_limit(raised.frames),
            "cause": document,
        }
        document = {key: value for key, value in document.items() if value}
    return document


def _split(type_: str | None) -> tuple[str | None, str | None]:
    """Splits `shop.errors.Broken` into module and name, as the native client reports them."""
    if type_ is None:
        return None, None
    module, _, name = type_.rpartition(".")
    return module or None, name or None


def _within_limit(frames: Sequence[Frame]) -> list[Frame]:
    if len(frames) <= FRAMES:
        return list(frames)
    return [*frames[:FRAMES_OUTERMOST], *frames[FRAMES_OUTERMOST - FRAMES :]]


def _kept_text(message: str) -> list[Any]:
    """The lines of a message, nested into lists of lists if there are more than a list may hold."""
    lines = message[:KEPT_CHARS].split("\n")
    if len(lines) <= CONTEXT_WIDTH:
        return list(lines)
    return [lines[start : start + CONTEXT_WIDTH] for start in range(0, len(lines), CONTEXT_WIDTH)]
