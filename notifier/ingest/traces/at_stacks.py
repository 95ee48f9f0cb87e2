"""Stacks whose frames begin with `at`: JVM languages, JavaScript, .NET."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from itertools import takewhile
from typing import Final

import re2

from notifier.ingest.traces.heads import StackHead, head_above
from notifier.ingest.traces.patterns import LineMatch, LinePattern
from notifier.ingest.traces.raised import Frame, Raised, Trace, begins_record, frame

# The traces of one program share many lines.
_remembered: Final = lru_cache(maxsize=2_048)
OPENING: Final = re2.compile(r"(?m)^[ \t]+at \S")
_JAVA: Final = LinePattern(
    r"^\s*at (?:[\w.@-]*/{1,2})*([\w.$<>-]+)\.([\w$<>-]+)"
    r"\((?:([\w$.-]+)(?::([0-9]{1,9}))?|Native Method|Unknown Source)\)"
)
_NODE: Final = LinePattern(
    r"^\s*at (?:async )?(?:(.+?) \()?([^()\s][^()]*?):([0-9]{1,9}):[0-9]{1,9}\)?(?: \{|,)?$"
)
_DOTNET: Final = LinePattern(r"^\s*at ([^()]*[^()\s])\([^()]*\)(?: in (.+):line ([0-9]{1,9}))?$")
_COMPILED: Final = LinePattern(
    r"^(?P<owner>[^<>]+?)\.(?:<>c(?:__DisplayClass[0-9_]+)?\.)?<{1,2}(?P<method>[\w.$]+)>[^<>]*(?:>[^<>]*)?$"
)
_DOTNET_LIBRARIES: Final = (
    "System.",
    "Microsoft.",
    "Npgsql.",
    "Newtonsoft.",
    "Dapper.",
    "Grpc.",
    "Polly.",
    "Serilog.",
)
_JAVA_LIBRARIES: Final = (
    "java/",
    "javax/",
    "jdk/",
    "sun/",
    "com/sun/",
    "jakarta/",
    "kotlin/",
    "kotlinx/",
    "scala/",
    "org/springframework/",
    "org/apache/",
    "org/eclipse/",
    "org/hibernate/",
    "org/jboss/",
    "org/junit/",
    "org/postgresql/",
    "io/netty/",
    "io/undertow/",
    "io/ktor/",
    "reactor/",
    "okhttp3/",
    "com/zaxxer/",
    "com/fasterxml/",
    "com/google/common/",
    "ch/qos/",
)
_CLASS: Final = r"(?P<type>(?:[A-Za-z_][\w$]*\.)*[A-Z][\w$]*(?:\x60[0-9])?)"
_SAID: Final = r"(?: \[[\w-]+\])?(?::(?: (?P<message>.*))?)?$"
_SURE: Final = (
    r"(?P<type>(?:[A-Za-z_][\w$]*\.)*[A-Z]?[\w$]*(?:Error|Exception|Throwable|Failure|Fault|Trace)\w{0,24})"
)
_HEADS: Final = (
    LinePattern(
        r"^(?P<lead>)\s*(?:Exception in thread \"[^\"]*\" |Uncaught (?:Exception )?|Unhandled [Ee]xception[.:] )?"
        rf"{_CLASS}{_SAID}"
    ),
    LinePattern(rf"^(?P<lead>.*?[\s:\]|-] ?){_SURE}{_SAID}"),
    LinePattern(rf"^(?P<lead>.*?[\s:\]|-] ?)(?P<type>(?:[A-Za-z_][\w$]*\.)+[A-Z][\w$]*){_SAID}"),
)
_CAUSED: Final = LinePattern(rf"^\s*(?:Caused by|\[cause\]): {_CLASS}{_SAID}")
_INNER: Final = LinePattern(rf"^\s*--->\s+{_CLASS}{_SAID}")
_AGAIN: Final = LinePattern(r"^\s*---> \(Inner Exception #[0-9]+\)")
_END_OF_INNER: Final = LinePattern(r"^\s*--- End of inner exception stack trace ---$")
_PASSED: Final = LinePattern(
    r"^\s*(?:\.\.\. [0-9]+ [a-z ]{1,60}(?:\.\.\.)?"
    r"|--- End of .* ---|[}\]],?|\[errors\]: \[|<--- ?)$"
)
_UNPLACED: Final = 12
"""The number of innermost frames that may have no location."""
_SUPPRESSED: Final = LinePattern(r"^\s*Suppressed: ")


def read(lines: Sequence[str], opening: int) -> Trace | None:
    """The stack whose first frame is at `opening`, with the exception above it."""
    reader = _reader(lines[opening : opening + _UNPLACED])
    if reader is None:
        return None
    head = _head(lines, opening)
    reading = _Reading(reader, Raised() if head is None else head.raised)
    end = reading.all(lines, opening)
    first, lead = (opening, "") if head is None else (head.first, head.lead)
    return Trace(chain=reading.chain, first=first, end=end, lead=lead)


def _reader(lines: Sequence[str]) -> Callable[[str], Frame | None] | None:
    """The parser for the language of the first frame that has a location. Frames of built-in functions have none."""
    frames = list(takewhile(_is_at, lines))
    return next((reads for reads in _READERS for line in frames if reads(line) is not None), None)


def _head(lines: Sequence[str], opening: int) -> StackHead | None:
    """The nearest header above the first frame. Inner exceptions of .NET stand in between."""
    head = head_above(lines, opening, _HEADS)
    while head is not None and _INNER.match(lines[head.first]):
        head = head_above(lines, head.first, _HEADS, until=opening)
    return head


class _Reading:
    """The chain so far. `depth` is the exception that the next frames belong to; .NET prints the innermost first."""

    def __init__(self, reader: Callable[[str], Frame | None], raised: Raised) -> None:
        self.reader = reader
        self.chain = [raised]
        self.depth = 0
        self.indent: int | None = None
        self.suppressed = False
        self.closed = False
        self.inside = False
        self._split_message(raised)

    def _split_message(self, raised: Raised) -> None:
        """Splits off the inner exception that follows a .NET exception's message, on the same line or the next."""
        while raised.message is not None and "--->" in raised.message:
            text, _, inner = raised.message.partition("--->")
            line, _, further = inner.strip().partition("\n")
            match = _INNER.match(f"---> {line}")
            if match is None:
                return
            raised.message = text.strip() or None
            raised = Raised(
                type=match["type"], message="\n".join(filter(None, [match["message"], further])) or None
            )
            self._caused_by(raised)

    def _caused_by(self, raised: Raised) -> None:
        self.chain.append(raised)
        self.depth = len(self.chain) - 1
        self.suppressed = False

    def all(self, lines: Sequence[str], opening: int) -> int:
        """Reads the lines from the first frame on. Returns the index of the line after the stack."""
        end = opening
        for index in range(opening, len(lines)):
            if not self._takes(lines[index], lines[index - 1] if index else ""):
                break
            if lines[index].strip():
                end = index + 1
        return end

    def _takes(self, line: str, before: str) -> bool:
        if self.closed:
            return line[:1].isspace() or line.startswith(("}", "]"))
        if _is_at(line):
            self._frame(line)
        elif (caused := self._cause(line, before)) is not None:
            if not self.suppressed or self._indentation(line) <= (self.indent or 0):
                self._caused_by(Raised(type=caused["type"], message=caused["message"] or None))
        elif _END_OF_INNER.match(line):
            self.depth = max(0, self.depth - 1)
        elif _AGAIN.match(line):
            self.closed = len(self.chain) > 1
        elif _SUPPRESSED.match(line):
            self.suppressed = True
        elif not _PASSED.match(line):
            return bool(line.strip()) and (self._continues(line) or (self.inside and line[:1].isspace()))
        return True

    @staticmethod
    def _cause(line: str, before: str) -> LineMatch | None:
        """The match of a cause's line, or of the first of several errors."""
        is_first = before.endswith("[errors]: [")
        return _CAUSED.match(line) or _INNER.match(line) or (_HEADS[0].match(line) if is_first else None)

    def _continues(self, line: str) -> bool:
        """Whether the line continues a cause's message."""
        raised = self.chain[self.depth]
        if raised.frames or self.suppressed or begins_record(line):
            return self.suppressed and line[:1].isspace()
        raised.message = f"{raised.message or ''}\n{line}".strip()
        return True

    def _frame(self, line: str) -> None:
        indentation = self._indentation(line)
        if self.indent is None:
            self.indent = indentation
        if self.suppressed and indentation > self.indent:
            return
        self.suppressed = False
        frame = self.reader(line)
        if frame is not None:
            self.chain[self.depth].frames.append(frame)
        # The properties of an error follow, its cause among them.
        self.inside = self.inside or line.endswith(" {")
        # Ends the first of several errors; the others follow.
        self.closed = line.endswith(",")

    @staticmethod
    def _indentation(line: str) -> int:
        return len(line) - len(line.lstrip())


def _is_at(line: str) -> bool:
    return line[:1].isspace() and line.lstrip().startswith("at ")


@_remembered
def _java(line: str) -> Frame | None:
    match = _JAVA.match(line)
    if match is None:
        return None
    owner, file = match[1], match[3]
    path = "/".join([*owner.split(".")[:-1], file or owner.rpartition(".")[2]])
    return frame(
        path, f"{owner.rpartition('.')[2]}.{match[2]}", match[4], foreign=path.startswith(_JAVA_LIBRARIES)
    )


@_remembered
def _node(line: str) -> Frame | None:
    match = _NODE.match(line)
    return None if match is None else frame(match[2].removeprefix("file://"), match[1], match[3])


@_remembered
def _dotnet(line: str) -> Frame | None:
    match = _DOTNET.match(line)
    if match is None:
        return None
    foreign = match[1].startswith(_DOTNET_LIBRARIES)
    return frame(match[2], _source_name(match[1]), match[3], foreign=foreign)


def _source_name(method: str) -> str:
    """The method as written in the source. Compilers rename async methods, lambdas and local functions."""
    match = _COMPILED.match(method)
    return method if match is None else f"{match['owner']}.{match['method']}"


_READERS: Final = (_java, _node, _dotnet)
