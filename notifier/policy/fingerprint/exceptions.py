"""Exceptions in events, and the relevant one of a chain."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Protocol

_DEPTH: Final = 16


class ReportedFrame(Protocol):
    """A frame of a reported traceback; `in_app` is None if the sender did not set it."""

    @property
    def file(self) -> str | None: ...
    @property
    def function(self) -> str | None: ...
    @property
    def in_app(self) -> bool | None: ...


class ReportedException(Protocol):
    """A reported exception: type, message, cause, and frames, outermost first."""

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
# Exceptions that only wrap another one: their type, and the beginnings of their messages. Starlette raises the first
# two around an exception of a background task; task groups, queues, retry libraries and futures raise the others.
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
# Of these types, a message that begins with the cause's type adds nothing: Java's `new RuntimeException(cause)`.
_BARE: Final = frozenset({"RuntimeException", "Exception", "Error", "UncheckedIOException"})


def relevant_exception(exception: ReportedException) -> ReportedException:
    """The relevant exception of a chain: wrappers are replaced by their cause.

    Title, label, fingerprint and location are those of this exception.
    """
    told: ReportedException = _told(exception, getattr)
    return told


def relevant_exception_in(event: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    """The relevant exception of a stored event."""
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
    """Whether the exception only wraps its cause.

    Its message may be shown as arguments: `('unhandled errors ...', [...])`.
    """
    name, text = (kind or "").rpartition(".")[2], message or ""
    beginnings = _CARRIERS.get(name)
    if beginnings is not None:
        return text.lstrip("([\"'").startswith(beginnings)
    return name in _BARE and bool(cause) and text.startswith(f"{cause}:")
