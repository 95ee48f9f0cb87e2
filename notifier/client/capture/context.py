"""The current request and task run, in context variables."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, MutableMapping
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Protocol

from notifier.client.capture import exception_parts, route_template

if TYPE_CHECKING:
    from notifier.client.documents import TaskReference

Scope = MutableMapping[str, Any]


class RunningTask(Protocol):
    """A task run, as events captured within it refer to it."""

    @property
    def id(self) -> str: ...
    @property
    def task(self) -> str: ...
    @property
    def attempt(self) -> int: ...
    @property
    def max_attempts(self) -> int | None: ...
    @property
    def done(self) -> bool: ...


class TaskAttempt:
    """The current attempt of a run. `unit` is the id of the outermost run."""

    __slots__ = ("run", "unit")

    def __init__(self, run: RunningTask) -> None:
        self.run = run
        self.unit = run.id

    def enter(self) -> TaskAttempt | None:
        """Makes this the current attempt, and returns the one before."""
        outer = attempt.get()
        self.unit = self.run.id if outer is None or outer.run.done else outer.unit
        attempt.set(self)
        return outer

    def leave(self, outer: TaskAttempt | None) -> None:
        """Ends the attempt and restores `outer`, unless another attempt is current in this context.

        The end may happen in another thread, and an abandoned coroutine ends wherever it is collected.
        """
        if attempt.get() is self:
            attempt.set(outer)

    def reference(self) -> TaskReference:
        """The run as an event's `task`."""
        run = self.run
        return {"id": run.id, "name": run.task, "attempt": run.attempt, "max_attempts": run.max_attempts}


values: ContextVar[Mapping[str, object]] = ContextVar("notifier_values")
request: ContextVar[Scope] = ContextVar("notifier_request")
attempt: ContextVar[TaskAttempt | None] = ContextVar("notifier_attempt", default=None)

_NOTHING: Mapping[str, object] = {}
_CARRIED = "__notifier_context__"


@contextmanager
def adding_values(given: Mapping[str, object]) -> Iterator[None]:
    """Adds values to the `context` of reports within the block, and of exceptions that leave it."""
    within = {**values.get(_NOTHING), **given}
    token = values.set(within)
    try:
        yield
    except BaseException as error:
        # The exception is reported further out, where these values are gone.
        with suppress(Exception):
            exception_parts.attributes(error).setdefault(_CARRIED, within)
        raise
    finally:
        values.reset(token)


def captured_values(error: BaseException | None) -> Mapping[str, object]:
    """The current values, and those of the blocks that the exception left."""
    here = values.get(_NOTHING)
    carried = None if error is None else exception_parts.attributes(error).get(_CARRIED)
    return {**here, **carried} if isinstance(carried, dict) else here


def unit() -> object:
    """The current request, else the outermost task run, else None."""
    scope = request.get(None)
    if scope is not None:
        return scope.get(route_template.ENTERED)
    running = attempt.get()
    return None if running is None else running.unit


def of_request() -> tuple[dict[str, Any], str | None]:
    """The method, route and id of the current request, and its trace id. Excludes path, query, body and headers."""
    scope = request.get(None)
    if scope is None:
        return {}, _active_span()
    facts: dict[str, Any] = {"method": scope.get("method", "WEBSOCKET")}
    route = route_template.template(scope)
    if route is not None:
        facts["route"] = route
    trace: str | None = None
    for name, value in scope.get("headers", ()):
        if name == b"x-request-id":
            facts["request_id"] = value[:128].decode("latin-1")
        elif name == b"traceparent":
            trace = _trace_id(value)
    return facts, trace or _active_span()


def _trace_id(header: bytes) -> str | None:
    """The trace id of a `traceparent` header (W3C Trace Context, 3.2)."""
    parts = header.split(b"-")
    if len(parts) < 4 or len(parts[1]) != 32 or parts[1] == b"0" * 32:
        return None
    return parts[1].decode("latin-1")


def _active_span() -> str | None:
    """The trace id of OpenTelemetry's current span. None if OpenTelemetry is not used."""
    api = sys.modules.get("opentelemetry.trace")
    if api is None:
        return None
    try:
        number = int(api.get_current_span().get_span_context().trace_id)
    except Exception:  # noqa: BLE001 - another library may raise anything
        return None
    return f"{number:032x}" if number else None
