"""An exception as events report it, and the one of a chain that is told of."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Protocol

_DEPTH: Final = 16


class ReportedFrame(Protocol):
    """One frame of a reported traceback; `in_app` is None where the sender did not mark it."""

    @property
    def file(self) -> str | None: ...
    @property
    def function(self) -> str | None: ...
    @property
    def in_app(self) -> bool | None: ...


class ReportedException(Protocol):
    """An exception as an event reports it: its type, message, cause, and frames, the outermost first."""

    @property
    def type(self) -> str | None: ...
    @property
    def message(self) -> str | None: ...
    @property
    def frames(self) -> Sequence[ReportedFrame]: ...
    @property
    def cause(self) -> ReportedException | None: ...


# Exceptions that only carry another one: type, and how the message begins. Starlette raises the first two around a
# background task's own exception; task groups, retry libraries, futures and reflection raise the others.
_CARRIERS: Final[Mapping[str, tuple[str, ...]]] = {
    "RuntimeError": ("Caught handled exception, but response already started", "No response returned"),
    "ExceptionGroup": ("unhandled errors in a TaskGroup", "Exceptions from Trio nursery"),
    "BaseExceptionGroup": ("unhandled errors in a TaskGroup", "Exceptions from Trio nursery"),
    "RetryError": ("",),
    "ExecutionException": ("",),
    "CompletionException": ("",),
    "InvocationTargetException": ("",),
    "UndeclaredThrowableException": ("",),
    "NestedServletException": ("",),
    "AggregateException": ("One or more errors occurred",),
    "TargetInvocationException": ("",),
}


def told_of(exception: ReportedException) -> ReportedException:
    """The exception that a person wants to hear of: what only carries another one gives way to its cause.

    Title, label, fingerprint and the place in the code are all of this one.
    """
    told: ReportedException = _told(exception, getattr)
    return told


def told_in(event: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    """The same, of a stored event."""
    exception = event.get("exception") if isinstance(event, Mapping) else None
    return _told(exception, _field) if isinstance(exception, Mapping) else None


def _told(exception: Any, read: Callable[[Any, str], Any]) -> Any:
    for _ in range(_DEPTH):
        cause = read(exception, "cause")
        if cause is None or not _only_carries(read(exception, "type"), read(exception, "message")):
            break
        exception = cause
    return exception


def _field(exception: Mapping[str, Any], name: str) -> Any:
    value = exception.get(name)
    return value if name != "cause" or isinstance(value, Mapping) else None


def _only_carries(kind: str | None, message: str | None) -> bool:
    """A client that shows an exception by its arguments sends `('unhandled errors ...', [...])`."""
    beginnings = _CARRIERS.get((kind or "").rpartition(".")[2])
    return beginnings is not None and (message or "").lstrip("([\"'").startswith(beginnings)
