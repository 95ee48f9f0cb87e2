"""The values that all languages are parsed into: an exception, a frame, and the trace."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

from notifier.ingest.schema import CODE_CHARS, NAME_CHARS
from notifier.ingest.traces.patterns import LinePattern
from notifier.policy.fingerprint.locations import of_library

Frame = dict[str, Any]
_PLATFORM: Final = (
    "node:",
    "internal/",
    "/usr/local/go/src/",
    "/usr/lib/go",
    "/usr/local/lib/ruby/",
    "/usr/lib/ruby/",
    "<internal:",
    "phar://",
    "webpack-internal:",
)
_RECORD: Final = LinePattern(
    r"^\W{0,2}(?:[0-9]{4}[-/][0-9]{2}[-/][0-9]{2}[T ]|[A-Z][a-z]{2} [ 0-9][0-9] [0-9]{2}:[0-9]{2}:"
    r"|(?:DEBUG|INFO|NOTICE|WARN|WARNING|ERROR|CRITICAL|FATAL)\b)"
)


@dataclass(slots=True)
class Raised:
    """An exception in a trace. Frames are outermost first."""

    type: str | None = None
    message: str | None = None
    frames: list[Frame] = field(default_factory=list)


@dataclass(slots=True)
class Trace:
    """The raised exception, then its causes; and the trace's position in the lines of a text.

    `lead` is the text before it on its first line, such as a log record's time and logger.
    """

    chain: list[Raised]
    first: int
    end: int
    lead: str = ""


def begins_record(line: str) -> bool:
    """Whether a line begins the next log record: it starts with a time or a severity."""
    return _RECORD.match(line) is not None


def frame(
    file: str | None,
    function: str | None,
    line: str | None,
    *,
    code: str | None = None,
    foreign: bool = False,
) -> Frame:
    """A frame as events have it. `foreign` marks a library's or the platform's."""
    is_foreign = foreign or (file is not None and (file.startswith(_PLATFORM) or of_library(file)))
    fields = {
        "file": file[-CODE_CHARS:] if file else None,
        "function": function[:NAME_CHARS] if function else None,
        "line": int(line) if line else None,
        "code": code[:CODE_CHARS] if code else None,
    }
    return {**{name: value for name, value in fields.items() if value is not None}, "in_app": not is_foreign}
