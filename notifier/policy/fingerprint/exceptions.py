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


_GROUP: Final = (
    "unhandled errors in a TaskGroup",
    "Exceptions from Trio nursery",
    "multiple unhandled errors",
)
# Exceptions that only carry another one: type, and how the message begins. Starlette raises the first two around a
# background task's own exception; task groups, queues, retry libraries, futures and reflection raise the others.
_CARRIERS: Final[Mapping[str, tuple[str, ...]]] = {
    "RuntimeError": ("Caught handled exception, but response already started", "No response returned"),
    "ExceptionGroup": _GROUP,
    "BaseExceptionGroup": _GROUP,
    "RetryError": ("",),
    "Retry": ("Retry",),
    "MaxRetriesExceededError": ("Can't retry",),
    "FirstError": ("",),
    "ActivityError": ("Activity task failed",),
    "ChildWorkflowError": ("Child Workflow execution failed",),
    "WorkflowFailureError": ("Workflow execution failed",),
    "ExecutionException": ("",),
    "UncheckedExecutionException": ("",),
    "CompletionException": ("",),
    "InvocationTargetException": ("",),
    "UndeclaredThrowableException": ("",),
    "PrivilegedActionException": ("",),
    "ExceptionInInitializerError": ("",),
    "NestedServletException": ("",),
    "ServletException": ("Request processing failed", "Handler dispatch failed"),
    "AggregateException": ("One or more errors occurred",),
    "TargetInvocationException": ("",),
    "TypeInitializationException": ("The type initializer for",),
    "AggregateError": ("",),
}
# Of these a message that begins with the cause's type says nothing of its own: Java's `new RuntimeException(cause)`.
_BARE: Final = frozenset({"RuntimeException", "Exception", "Error", "UncheckedIOException"})


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
        if cause is None or not _only_carries(
            read(exception, "type"), read(exception, "message"), read(cause, "type")
        ):
            break
        exception = cause
    return exception


def _field(exception: Mapping[str, Any], name: str) -> Any:
    value = exception.get(name)
    return value if name != "cause" or isinstance(value, Mapping) else None


def _only_carries(kind: str | None, message: str | None, cause: str | None) -> bool:
    """A client that shows an exception by its arguments sends `('unhandled errors ...', [...])`."""
    name, text = (kind or "").rpartition(".")[2], message or ""
    beginnings = _CARRIERS.get(name)
    if beginnings is not None:
        return text.lstrip("([\"'").startswith(beginnings)
    return name in _BARE and bool(cause) and text.startswith(f"{cause}:")
