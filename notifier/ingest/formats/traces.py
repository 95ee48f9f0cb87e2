"""Stack traces in text, of Python, Java, JavaScript, Go, .NET, Ruby and PHP, as exceptions with frames.

Bounded: of a longer text that end is read where a language has what was raised, and of a request at most so many lines.
Lines that tell nothing are left out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import re2

from notifier.ingest.schema import CAUSES, CODE_CHARS, FRAMES, FRAMES_OUTERMOST
from notifier.policy.fingerprint.locations import of_library

CHARS: Final = 65_536
LINES: Final = 512
"""Of one trace: a hundred frames with their code, and causes."""
LINES_OF_REQUEST: Final = 50_000
_LINE_CHARS: Final = 2_000
_HEAD: Final = "Traceback (most recent call last)"
Frame = dict[str, Any]

_FILE: Final = re2.compile(r'^\s*File "([^"]+)", line ([0-9]{1,9})(?:, in (.+))?$')
_RAISED: Final = re2.compile(r"^([A-Za-z_][\w.]*)(?:: (.*))?$")
_MARKS: Final = re2.compile(r"^[\s~^]+$")
_GROUP_SIDE: Final = re2.compile(r"^\s*(?:\| ?|\+ )")
_GROUP_PART: Final = re2.compile(r"^\s*\+-[+-]*\s*(?:[0-9]+|\.\.\.|)\s*-*$")
_JAVA: Final = re2.compile(
    r"^\s*at (?:[\w.@-]+/{1,2})*([\w.$<>-]+)\.([\w$<>-]+)"
    r"\((?:([\w$.-]+)(?::([0-9]{1,9}))?|Native Method|Unknown Source)\)"
)
_NODE: Final = re2.compile(r"^\s*at (?:async )?(?:(.+?) \()?([^()\s][^()]*?):([0-9]{1,9}):[0-9]{1,9}\)?$")
_DOTNET: Final = re2.compile(r"^\s*at ([^()]+)\([^()]*\)(?: in (.+):line ([0-9]{1,9}))?$")
_GO_PLACE: Final = re2.compile(r"^\s+(\S.*\.go):([0-9]{1,9})(?: \+0x[0-9a-f]+)?$")
_GO_CALL: Final = re2.compile(
    r"^(?:created by )?([\w./*()\[\]\x{b7}-]+?)(?:\([^()]*\))?(?: in goroutine [0-9]+)?$"
)
_RUBY: Final = re2.compile(r"^\s*(?:[0-9]+: )?(?:from )?(\S.*?):([0-9]{1,9}):in ['`](.+)'")
_PHP: Final = re2.compile(r"^#[0-9]+ (.+?)\(([0-9]{1,9})\): (.+?)\(")
_CAUSED: Final = re2.compile(r"^\s*(?:Caused by|\[cause\]): ([\w.$]+)(?:: (.*))?$")
_JDK: Final = (
    "java/",
    "javax/",
    "jdk/",
    "sun/",
    "com/sun/",
    "kotlin/",
    "scala/",
    "org/springframework/",
    "org/apache/",
)
_PLATFORM: Final = ("node:", "internal/", "/usr/local/go/src/", "/usr/lib/go", "/usr/local/lib/ruby/")


@dataclass(slots=True)
class Traced:
    """An exception as a trace tells it; frames outermost first."""

    type: str | None = None
    message: str | None = None
    frames: list[Frame] = field(default_factory=list)


@dataclass(slots=True)
class TraceBudget:
    """The lines that may still be read of a request's traces."""

    lines: int = LINES_OF_REQUEST

    def takes(self, text: str) -> bool:
        """Whether a trace is read as well."""
        self.lines -= min(LINES, text.count("\n") + 1)
        return self.lines >= 0


def exception_in(text: str, *, type_: str | None = None, message: str | None = None) -> dict[str, Any] | None:
    """The exception that a trace tells of, with its causes; type and message are the sender's where it gives them.

    None where there is neither a trace nor a type nor a message.
    """
    chain = _chain(text) or [Traced()]
    raised = chain[0]
    raised.type = type_ or raised.type
    if raised.message is None or (
        message is not None and raised.message != repr(message)
    ):  # a KeyError's, in quotes
        raised.message = message or raised.message
    told: dict[str, Any] | None = None
    for one in reversed(chain[: CAUSES + 1]):
        if one.type is None and one.message is None:
            continue
        module, name = _split(one.type)
        told = {
            "type": name,
            "module": module,
            "message": one.message,
            "frames": _kept(one.frames),
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


def _chain(text: str) -> list[Traced]:
    """The exception that was raised, then its causes."""
    if _HEAD in text:
        lines = _lines(text[-CHARS:])
        is_whole = len(text) <= CHARS and len(lines) <= LINES
        return _python(lines if is_whole else [_HEAD, *lines[-LINES:]])
    return [one for one in _other(_lines(text[:CHARS])[:LINES]) if one.frames or one.type]


def _lines(text: str) -> list[str]:
    return [line[:_LINE_CHARS] for line in text.splitlines()]


def _python(lines: Sequence[str]) -> list[Traced]:
    parts: list[list[str]] = [[]]
    grouped = any("Exception Group Traceback" in line for line in lines)
    for line in lines:
        if grouped and _GROUP_PART.match(line):
            parts.append([])
        else:
            parts[-1].append(_GROUP_SIDE.sub("", line, count=1) if grouped else line)
    chain = list(reversed(list(_tracebacks(parts[0]))))
    # The first of a group's exceptions stands as its cause.
    inner = next((part for part in parts[1:] if any(map(str.strip, part))), [])
    return chain + list(reversed(list(_tracebacks(inner))))


def _tracebacks(lines: Sequence[str]) -> Iterator[Traced]:
    """Each of a Python text, in its order: the last was raised."""
    frames: list[Frame] | None = None
    for index, line in enumerate(lines):
        if _HEAD in line:
            frames = []
        elif frames is None:
            continue
        elif found := _FILE.match(line):
            code = lines[index + 1].strip() if index + 1 < len(lines) else ""
            is_code = code and not _FILE.match(lines[index + 1]) and lines[index + 1][:1] in " \t"
            frames.append(_frame(found[1], found[3], found[2], code=code if is_code else None))
        elif line[:1] not in {" ", "\t", ""} and (raised := _RAISED.match(line)):
            yield Traced(type=raised[1], message=_whole(raised[2], lines[index + 1 :]), frames=frames)
            frames = None
    if frames:
        yield Traced(frames=frames)


def _whole(first: str | None, following: Sequence[str]) -> str | None:
    """A message with its further lines, up to the next traceback."""
    kept = [first or ""]
    for line in following:
        if _HEAD in line or line.startswith(("The above exception", "During handling")):
            break
        kept.append(line)
    return "\n".join(kept).strip() or None


def _other(lines: Sequence[str]) -> Iterator[Traced]:
    """Of the other languages the innermost frame comes first, and what was raised before its causes."""
    one = Traced()
    first = lines[0] if lines else ""
    if (raised := _RAISED.match(first.removeprefix('Exception in thread "main" '))) and raised[2] is not None:
        one = Traced(type=raised[1], message=raised[2] or None)
    for index, line in enumerate(lines):
        caused = _CAUSED.match(line)
        if caused is not None:
            yield _outermost_first(one)
            one = Traced(type=caused[1], message=caused[2] or None)
            continue
        frame = next(
            (frame for read in _READERS if (frame := read(line, lines[index - 1] if index else ""))), None
        )
        if frame is not None:
            one.frames.append(frame)
    yield _outermost_first(one)


def _outermost_first(one: Traced) -> Traced:
    return Traced(type=one.type, message=one.message, frames=one.frames[::-1])


def _java(line: str, _before: str) -> Frame | None:
    found = _JAVA.match(line)
    if found is None:
        return None
    owner, file = found[1], found[3]
    path = "/".join([*owner.split(".")[:-1], file or owner.rpartition(".")[2]])
    return _frame(path, f"{owner.rpartition('.')[2]}.{found[2]}", found[4], foreign=path.startswith(_JDK))


def _node(line: str, _before: str) -> Frame | None:
    found = _NODE.match(line)
    return None if found is None else _frame(found[2].removeprefix("file://"), found[1], found[3])


def _dotnet(line: str, _before: str) -> Frame | None:
    found = _DOTNET.match(line)
    if found is None:
        return None
    return _frame(found[2], found[1], found[3], foreign=found[1].startswith(("System.", "Microsoft.")))


def _go(line: str, before: str) -> Frame | None:
    found = _GO_PLACE.match(line)
    if found is None:
        return None
    call = _GO_CALL.match(before)
    return _frame(found[1], None if call is None else call[1], found[2], foreign="/pkg/mod/" in found[1])


def _ruby(line: str, _before: str) -> Frame | None:
    found = _RUBY.match(line)
    return None if found is None else _frame(found[1], found[3], found[2], foreign="/gems/" in found[1])


def _php(line: str, _before: str) -> Frame | None:
    found = _PHP.match(line)
    return None if found is None else _frame(found[1], found[3], found[2], foreign="/vendor/" in found[1])


_READERS: Final[Sequence[Callable[[str, str], Frame | None]]] = (_java, _node, _go, _ruby, _php, _dotnet)


def _frame(
    file: str | None,
    function: str | None,
    line: str | None,
    *,
    code: str | None = None,
    foreign: bool = False,
) -> Frame:
    is_foreign = foreign or (file is not None and (file.startswith(_PLATFORM) or of_library(file)))
    found = {
        "file": None if file is None else file[-CODE_CHARS:],
        "function": function,
        "line": None if line is None else int(line),
        "code": None if code is None or _MARKS.match(code) else code[:CODE_CHARS],
    }
    return {**{name: value for name, value in found.items() if value is not None}, "in_app": not is_foreign}
