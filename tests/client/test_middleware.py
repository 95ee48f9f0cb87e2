"""Two lines in an application: what nobody handled is reported once, with what helps, and goes on as before."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
from fastapi import BackgroundTasks, Depends, FastAPI, HTTPException
from fastapi.responses import StreamingResponse
from fastapi.testclient import TestClient
from starlette.background import BackgroundTask
from starlette.background import BackgroundTasks as Several
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.responses import PlainTextResponse

from notifier.client import MemoryTransport, Notifier
from notifier.client.transport import NullTransport
from tests.client.conftest import App


def test_an_unhandled_error_is_reported_with_its_request(app: App) -> None:
    """Route, method, request id and trace id, service and release; frames of the application are marked."""

    @app.app.get("/orders/{id}")
    def order(id: int) -> None:  # noqa: A002
        raise LookupError(f"no order {id}")

    trace = "0af7651916cd43dd8448eb211c80319c"
    headers = {"x-request-id": "r-1", "traceparent": f"00-{trace}-b7ad6b7169203331-01"}
    answer = app.http.get("/orders/7?card=4111111111111111", headers=headers)
    assert answer.status_code == 500
    event = app.only
    assert event["exception"]["type"] == "LookupError"
    assert event["exception"]["message"] == "no order 7"
    assert event["context"]["request"] == {"method": "GET", "route": "/orders/{id}", "request_id": "r-1"}
    assert event["trace_id"] == trace
    assert (event["service"], event["release"], event["host"]) == ("billing", "1.4.2", "worker-3")
    last = event["exception"]["frames"][-1]
    assert last["in_app"]
    assert last["function"].endswith("order")
    assert last["code"] == 'raise LookupError(f"no order {id}")'
    assert not event["exception"]["frames"][0]["in_app"]
    assert not any("notifier/client" in frame["file"] for frame in event["exception"]["frames"])


def test_what_was_handled_is_no_failure(app: App) -> None:
    """A 404 is an answer, and so is an exception that has a handler."""

    class Known(Exception):
        pass

    @app.app.exception_handler(Known)
    async def known(*_: object) -> PlainTextResponse:
        return PlainTextResponse("known", 409)

    @app.app.get("/gone")
    def gone() -> None:
        raise HTTPException(404)

    @app.app.get("/known")
    def raises() -> None:
        raise Known

    assert app.http.get("/gone").status_code == 404
    assert app.http.get("/known").status_code == 409
    assert not app.memory.events


@pytest.mark.parametrize("isolate", [True, False])
def test_siblings_of_a_failed_task(memory: MemoryTransport, isolate: bool) -> None:
    """The first of four fails and so does the third: both effects are there, and two reports; without it, none."""
    done: list[str] = []
    notifier = Notifier("billing", transport=memory, isolate=isolate)
    made = FastAPI()
    notifier.instrument(made)

    def fails(name: str) -> None:
        raise ValueError(name)

    async def works(name: str) -> None:
        done.append(name)

    @made.post("/")
    def schedule(tasks: BackgroundTasks) -> None:
        tasks.add_task(fails, "first")
        tasks.add_task(works, name="second")
        tasks.add_task(fails, "third")
        tasks.add_task(works, "fourth")

    with TestClient(made) as http, pytest.raises(ValueError, match="first"):
        http.post("/")
    told = [event["exception"]["message"] for event in memory.events]
    assert (done, told) == ((["second", "fourth"], ["first", "third"]) if isolate else ([], ["first"]))
    first = memory.events[0]
    assert first["task"]["name"].endswith("fails")
    assert first["context"]["arguments"] == {"args": ["str"], "kwargs": {}}
    assert first["context"]["siblings"]["ran"] is isolate
    assert [name.rpartition(".")[2] for name in first["context"]["siblings"]["tasks"]] == [
        "works",
        "fails",
        "works",
    ]


def test_the_response_s_own_tasks_and_lists_within_lists(app: App) -> None:
    """Starlette's forms of them count as FastAPI's do."""
    done: list[str] = []

    def fails() -> None:
        raise ValueError

    @app.app.get("/one")
    def one() -> PlainTextResponse:
        return PlainTextResponse("", background=BackgroundTask(fails))

    @app.app.get("/nested")
    def nested() -> PlainTextResponse:
        inner = Several([BackgroundTask(fails), BackgroundTask(done.append, "inner")])
        return PlainTextResponse("", background=Several([inner, BackgroundTask(done.append, "outer")]))

    app.http.get("/one")
    app.http.get("/nested")
    assert app.errors == ["ValueError", "ValueError"]
    assert done == ["inner", "outer"]


def test_an_http_exception_in_the_background_is_told_as_itself(app: App) -> None:
    """Starlette wraps it in "response already started"; unrelated failures would become one."""

    def refuses() -> None:
        raise HTTPException(403, "not yours")

    @app.app.post("/")
    def schedule(tasks: BackgroundTasks) -> None:
        tasks.add_task(refuses)

    app.http.post("/")
    assert app.only["exception"]["type"] == "HTTPException"
    assert app.only["task"]["name"].endswith("refuses")


def test_the_server_sees_the_original_exception(app: App) -> None:
    """The middleware passes on the very object that was raised."""
    failure = KeyError("mine")

    @app.app.get("/")
    def raises() -> None:
        raise failure

    with TestClient(app.app) as http, pytest.raises(KeyError) as caught:
        http.get("/")
    assert caught.value is failure


def test_a_failure_that_is_logged_and_raised_is_one_report(app: App) -> None:
    """The handler, the middleware and the server's log all see it; the report has the task and the logged words."""
    log = logging.getLogger("tests.orders")
    handler = app.notifier.logging_handler()
    logging.getLogger().addHandler(handler)

    def fails(order: int) -> None:
        try:
            int(f"{order} EUR")
        except ValueError:
            log.exception("could not charge order %d", order)
            raise

    @app.app.post("/")
    def schedule(tasks: BackgroundTasks) -> None:
        tasks.add_task(fails, 42)

    try:
        with TestClient(app.app) as http, pytest.raises(ValueError, match="EUR") as caught:
            http.post("/")
        logging.getLogger("uvicorn.error").error("Exception in ASGI application", exc_info=caught.value)
    finally:
        logging.getLogger().removeHandler(handler)
    app.notifier.flush()
    assert app.only["message"] == "could not charge order 42"
    assert app.only["task"]["name"].endswith("fails")
    assert app.only["context"]["logger"] == "tests.orders"


def test_with_base_http_middleware_in_the_stack(app: App) -> None:
    """A background failure passes through it, and its siblings run."""
    done: list[str] = []

    async def through(request: Any, call_next: Any) -> Any:
        return await call_next(request)

    app.app.add_middleware(BaseHTTPMiddleware, dispatch=through)

    def fails() -> None:
        raise ValueError

    @app.app.post("/")
    def schedule(tasks: BackgroundTasks) -> None:
        tasks.add_task(fails)
        tasks.add_task(done.append, "sibling")

    app.http.post("/")
    assert app.errors == ["ValueError"]
    assert done == ["sibling"]


def test_an_error_in_a_stream_and_in_the_start_up(app: App, memory: MemoryTransport) -> None:
    """After the response has started, and before there is any."""

    def stream() -> Any:
        yield b"a"
        raise OSError("gone")

    @app.app.get("/")
    def streams() -> StreamingResponse:
        return StreamingResponse(stream())

    app.http.get("/")
    assert app.errors == ["OSError"]
    memory.events.clear()

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await asyncio.sleep(0)
        if memory.counts().captured:
            raise RuntimeError("no database")
        yield

    failing = FastAPI(lifespan=lifespan)
    app.notifier.instrument(failing)
    with pytest.raises(RuntimeError), TestClient(failing):
        pass
    assert app.errors == ["RuntimeError"]
    assert app.only["severity"] == "critical"


def test_any_asgi_application_can_be_wrapped(notifier: Notifier, memory: MemoryTransport) -> None:
    """And what is none is refused with a sentence."""

    async def bare(scope: Any, receive: Any, send: Any) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        TestClient(notifier.asgi(bare)).get("/")
    # Its path may hold anything, and no route is known.
    assert memory.events[0]["context"]["request"] == {"method": "GET"}
    with pytest.raises(TypeError, match=r"notifier\.asgi"):
        notifier.instrument(bare)


SILENT: dict[str, dict[str, Any]] = {
    "without an address": {"transport": NullTransport()},
    "that ignores it": {"ignore": ["ValueError"]},
    "that samples it out": {"sample_rate": 0.0},
}


@pytest.mark.parametrize("outer", [True, False])
@pytest.mark.parametrize("silent", SILENT)
def test_a_notifier_that_sends_nothing_silences_no_other(
    notifier: Notifier, memory: MemoryTransport, silent: str, outer: bool
) -> None:
    """A library brings its own: the application's tells of requests, background tasks, siblings and the log."""
    other = Notifier("library", **{"transport": MemoryTransport(), **SILENT[silent]})
    made = FastAPI()
    for one in (notifier, other) if outer else (other, notifier):
        one.instrument(made)

    def fails(name: str) -> None:
        raise ValueError(name)

    @made.get("/")
    def index(tasks: BackgroundTasks) -> None:
        tasks.add_task(fails, "first")
        tasks.add_task(fails, "second")

    @made.get("/raises")
    def raises() -> None:
        error = ValueError("by hand")
        other.report(error)
        raise error

    http = TestClient(made, raise_server_exceptions=False)
    http.get("/")
    http.get("/raises")
    told = [event["exception"]["message"] for event in memory.events]
    assert told == ["first", "second", "by hand"]
    assert memory.events[0]["task"]["name"].endswith("fails")


def test_a_task_of_a_notifier_that_sends_nothing_is_told_by_the_other(app: App) -> None:
    """A decorated function of a library, in the application's background."""
    other = Notifier("library", transport=NullTransport())

    @other.task(retries=1, backoff=0.0)
    def fails() -> None:
        raise ValueError("of the library")

    @app.app.get("/")
    def index(tasks: BackgroundTasks) -> None:
        tasks.add_task(fails)

    app.http.get("/")
    assert app.errors == ["ValueError"]


class Refuses:
    """A middleware that raises before anything is routed, or once the answer has begun."""

    def __init__(self, app: Any, *, late: bool = False) -> None:
        self._app = app
        self._late = late

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if self._late:
            await self._app(scope, receive, send)
        if scope["type"] == "http":
            raise PermissionError("the tenant is unknown")
        if not self._late:
            await self._app(scope, receive, send)


@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize("before", [False, True])
def test_a_middleware_that_raises_is_told_whenever_it_was_added(app: App, before: bool, late: bool) -> None:
    """The outermost place is taken when the application starts."""
    made = FastAPI()
    if before:
        made.add_middleware(Refuses, late=late)
    app.notifier.instrument(made)
    if not before:
        made.add_middleware(Refuses, late=late)

    @made.get("/reset/{token}")
    def reset(token: str) -> str:
        return token

    with TestClient(made, raise_server_exceptions=False) as http:
        http.get("/reset/s3cret?mail=ann@example.com")
        assert app.only["context"]["request"]["route"] == "/reset/{token}"
        http.get("/nowhere/s3cret")
    assert app.memory.events[1]["context"]["request"] == {"method": "GET"}
    assert "s3cret" not in str(app.memory.events)
    assert app.errors == ["PermissionError", "PermissionError"]


def test_a_middleware_of_a_decorator_is_told(app: App) -> None:
    """As most are written."""

    @app.app.middleware("http")
    async def refuses(request: Any, call_next: Any) -> Any:
        raise PermissionError(request.method)

    assert app.http.get("/").status_code == 500
    assert app.errors == ["PermissionError"]


def test_a_middleware_that_cannot_be_made_is_told(app: App) -> None:
    """Every request ends there, before anything stands around the application."""

    class Unmade:
        def __init__(self, _app: object) -> None:
            raise LookupError("no settings")

    app.app.add_middleware(Unmade)  # type: ignore[arg-type]
    assert app.http.get("/").status_code == 500
    assert (app.only["exception"]["message"], app.only["severity"]) == ("no settings", "critical")


def test_an_application_that_runs_cannot_be_instrumented(app: App) -> None:
    """Said when it is tried, as by the framework itself."""
    app.http.get("/")
    with pytest.raises(RuntimeError, match="before the application starts"):
        app.notifier.instrument(app.app)


SHARED = ValueError("made once, when the module was imported")


def test_one_object_that_five_requests_raise_is_five_failures(app: App) -> None:
    """One at a time and all at once; each is one, though its server logs it as well."""
    handler = app.notifier.logging_handler()

    @app.app.get("/")
    async def index() -> None:
        await asyncio.sleep(0.01)
        raise SHARED

    class Logs:
        """As a server does, further out, once all of them have failed."""

        async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
            try:
                await app.app(scope, receive, send)
            except ValueError as error:
                await asyncio.sleep(0.05)
                handler.emit(logging.LogRecord(
                    "uvicorn.error", logging.ERROR, __file__, 1, "Exception in ASGI application", (),
                    (ValueError, error, error.__traceback__),
                ))  # fmt: skip

    async def call(times: int) -> None:
        transport = httpx.ASGITransport(Logs(), raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://app") as http:
            await asyncio.gather(*(http.get("/") for _ in range(times)))

    for times in (1, 1, 1, 5):
        asyncio.run(call(times))
    app.notifier.flush()
    assert len(app.memory.events) == 8


def test_a_dependency_that_makes_another_exception_of_a_task_s_failure(app: App) -> None:
    """What follows the task runs all the same, and the report names the task."""
    done: list[str] = []

    async def session() -> AsyncIterator[None]:
        try:
            yield
        except LookupError as error:
            raise ConnectionError("rolled back") from error

    def fails() -> None:
        raise LookupError("no order")

    @app.app.get("/", dependencies=[Depends(session)])
    def index(tasks: BackgroundTasks) -> None:
        tasks.add_task(fails)
        tasks.add_task(done.append, "sibling")

    app.http.get("/")
    assert done == ["sibling"]
    assert app.only["exception"]["type"] == "ConnectionError"
    assert app.only["exception"]["cause"]["message"] == "no order"
    assert app.only["task"]["name"].endswith("fails")
