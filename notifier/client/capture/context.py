"""The work at hand, in context variables: each request, task and thread has its own."""

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
    """A task run, as what is reported from within it names it."""

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
    """The run at hand, as what happens within it sees it. `unit` is the outermost run's id."""

    __slots__ = ("run", "unit")

    def __init__(self, run: RunningTask) -> None:
        self.run = run
        self.unit = run.id

    def enter(self) -> TaskAttempt | None:
        """The attempt becomes the one at hand; answers the attempt that was at hand before."""
        outer = attempt.get()
        self.unit = self.run.id if outer is None or outer.run.done else outer.unit
        attempt.set(self)
        return outer

    def leave(self, outer: TaskAttempt | None) -> None:
        """The attempt is over, and `outer` is at hand again; in any other context nothing changes.

        The end may come in another thread, and a coroutine that is thrown away ends wherever it is collected.
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
def added(given: Mapping[str, object]) -> Iterator[None]:
    """Values that every report within carries under `context`, and every exception that leaves it."""
    within = {**values.get(_NOTHING), **given}
    token = values.set(within)
    try:
        yield
    except BaseException as error:
        # Whoever reports it stands further out, where these values are gone.
        with suppress(Exception):
            exception_parts.attributes(error).setdefault(_CARRIED, within)
        raise
    finally:
        values.reset(token)


def known(error: BaseException | None) -> Mapping[str, object]:
    """The values at hand, and those that the exception came out of."""
    here = values.get(_NOTHING)
    carried = None if error is None else exception_parts.attributes(error).get(_CARRIED)
    return {**here, **carried} if isinstance(carried, dict) else here


def unit() -> object:
    """The request that the work at hand is a part of, else the outermost task run; None: neither."""
    scope = request.get(None)
    if scope is not None:
        return scope.get(route_template.ENTERED)
    running = attempt.get()
    return None if running is None else running.unit


def of_request() -> tuple[dict[str, Any], str | None]:
    """The request at hand (method, route, id), without its path, query, body or headers; and its trace id."""
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
    """W3C Trace Context, 3.2: `version-traceid-parentid-flags`."""
    parts = header.split(b"-")
    if len(parts) < 4 or len(parts[1]) != 32 or parts[1] == b"0" * 32:
        return None
    return parts[1].decode("latin-1")


def _active_span() -> str | None:
    """The trace of OpenTelemetry's current span, where an application uses it."""
    api = sys.modules.get("opentelemetry.trace")
    if api is None:
        return None
    try:
        number = int(api.get_current_span().get_span_context().trace_id)
    except Exception:  # noqa: BLE001 - another library's affair
        return None
    return f"{number:032x}" if number else None
