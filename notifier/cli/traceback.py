"""An event's exception in Python's form: causes first, outermost frames first, the type and message last."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from notifier.cli.text import visible

BETWEEN = "The above exception was the direct cause of the following exception:"
DEEPEST = 20

Exception_ = Mapping[str, Any]


def lines(exception: Exception_) -> Iterator[str]:
    """The lines of the traceback."""
    chain = list(_chain(exception))
    for place, failure in enumerate(reversed(chain)):
        if place:
            yield from ("", BETWEEN, "")
        yield from _exception_lines(failure)


def _chain(exception: Exception_) -> Iterator[Exception_]:
    """The exception, its cause, the cause's cause and so on."""
    failure: Any = exception
    for _ in range(DEEPEST):
        if not isinstance(failure, Mapping):
            return
        yield failure
        failure = failure.get("cause")


def _exception_lines(failure: Exception_) -> Iterator[str]:
    frames = [frame for frame in failure.get("frames") or () if isinstance(frame, Mapping)]
    if frames:
        yield "Traceback (most recent call last):"
    for frame in frames:
        yield f"  {_place(frame)}"
        if frame.get("code"):
            yield f"    {visible(str(frame['code']).strip())}"
    yield from _type_and_message(failure)
    for note in failure.get("notes") or ():
        yield from map(visible, str(note).splitlines())


def _place(frame: Mapping[str, Any]) -> str:
    line = frame.get("line")
    parts = [
        f'File "{visible(str(frame.get("file") or "<unknown>"))}"',
        None if line is None else f"line {line}",
        f"in {visible(str(frame['function']))}" if frame.get("function") else None,
    ]
    return ", ".join(part for part in parts if part)


def _type_and_message(failure: Exception_) -> Iterator[str]:
    """`billing.errors.Declined: card expired`, with the lines of the message; the module `builtins` is omitted."""
    module, name = failure.get("module"), failure.get("type")
    kind = f"{module}.{name}" if module and module not in {"builtins", "__main__"} else str(name or "")
    message = str(failure.get("message") or "")
    text = f"{kind}: {message}" if kind and message else kind or message
    yield from map(visible, text.splitlines())
