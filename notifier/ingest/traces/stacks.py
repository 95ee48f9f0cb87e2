"""Traces with the innermost frame first: Java, JavaScript, .NET, Go, Ruby and PHP."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

import re2

from notifier.ingest.traces import at_stacks, go, php, ruby
from notifier.ingest.traces.raised import Trace


class _Language(NamedTuple):
    """`opening` matches the first line that is specific to the language; `read` parses the trace around it."""

    opening: re2._Regexp
    read: Callable[[Sequence[str], int], Trace | None]


_LANGUAGES: Final = (
    _Language(at_stacks.OPENING, at_stacks.read),
    _Language(go.OPENING, go.read),
    _Language(php.OPENING, php.read),
    _Language(ruby.OPENING, ruby.read),
)


def read(lines: Sequence[str], most: int) -> Trace | None:
    """The first trace that says what was raised, else the first, in any language, within `most` lines."""
    text = "\n".join(lines)
    openings = []
    for language in _LANGUAGES:
        opening = language.opening.search(text)
        if opening is not None:
            openings.append((opening.start(), language))
    traces = []
    for start, language in sorted(openings, key=lambda opening: opening[0]):
        at = text.count("\n", 0, start)
        trace = language.read(lines[: at + most], at)
        if trace is None:
            continue
        trace.chain = [raised for raised in trace.chain if raised.frames or raised.type]
        for raised in trace.chain:
            raised.frames.reverse()
        if trace.chain:
            traces.append(trace)
            if trace.chain[0].type is not None:
                break
    return min(traces, key=lambda trace: trace.chain[0].type is None, default=None)
