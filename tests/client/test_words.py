"""`logger.error(f"... {error}")` and then `raise` is one incident, as `logger.exception` and `raise` is."""

from __future__ import annotations

import contextvars
import logging
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi import BackgroundTasks, HTTPException

from notifier.client import MemoryTransport, Notifier
from tests.client.conftest import App
from tests.client.receiver import Receiver

ROOT = Path(__file__).parents[2]
log = logging.getLogger("tests.words")
log.propagate = False


def two_lines(error: Exception) -> None:
    log.error("charge: %s", error)
    log.error("gave up: %s", error)


def with_traceback(error: Exception) -> None:
    log.error("charge: %s", error)
    log.exception("gave up")  # noqa: LOG004 - it is called in a handler


LINES: dict[str, Callable[[Exception], None]] = {
    "an f-string": lambda error: log.error(f"could not charge: {error}"),  # noqa: G004 - as many write it
    "its repr": lambda error: log.error(f"could not charge: {error!r}"),  # noqa: G004
    "an argument": lambda error: log.error("could not charge: %s", error),
    "its text as an argument": lambda error: log.error("could not charge: %s", str(error)),
    "a dictionary": lambda error: log.error("could not charge: %(error)s", {"error": error}),
    "itself": log.error,
    "an extra": lambda error: log.error("could not charge", extra={"error": error}),
    "its text as an extra": lambda error: log.error("could not charge", extra={"why": str(error)}),
    "its class": lambda error: log.error("%s while charging", type(error).__name__),
    "a critical line": lambda error: log.critical("cannot go on: %s", error),
    "two lines": two_lines,
    "a line and its traceback": with_traceback,
}


@pytest.fixture(autouse=True)
def heard(app: App) -> Iterator[None]:
    handler = app.notifier.logging_handler(logging.WARNING)
    log.addHandler(handler)
    yield
    log.removeHandler(handler)


def charge() -> None:
    raise ConnectionError("upstream timed out")


def raised(say: Callable[[Exception], None]) -> None:
    try:
        charge()
    except ConnectionError as error:
        say(error)
        raise


def raised_anew(say: Callable[[Exception], None]) -> None:
    try:
        charge()
    except ConnectionError as error:
        say(error)
        raise HTTPException(502) from error


def got_over(say: Callable[[Exception], None]) -> None:
    try:
        charge()
    except ConnectionError as error:
        say(error)


@pytest.mark.parametrize("fails", [raised, raised_anew])
@pytest.mark.parametrize("line", LINES)
def test_a_line_and_a_raise_are_one(app: App, line: str, fails: Callable[..., None]) -> None:
    """In a request, in its background, and in a task: one report, with the failure and the line's words."""

    @app.app.get("/request")
    def request() -> None:
        fails(LINES[line])

    @app.app.get("/background")
    def background(tasks: BackgroundTasks) -> None:
        tasks.add_task(fails, LINES[line])

    @app.app.get("/task")
    def task(tasks: BackgroundTasks) -> None:
        tasks.add_task(app.notifier.task(fails), LINES[line])

    for path in ("/request", "/background", "/task"):
        app.memory.events.clear()
        app.http.get(path)
        app.notifier.flush()
        assert app.only["exception"]["type"] == ("ConnectionError" if fails is raised else "HTTPException")
        assert app.only["message"]
        assert app.only["context"]["logger"] == "tests.words"
        assert app.only["severity"] == ("critical" if line == "a critical line" else "error")


@pytest.mark.parametrize("line", LINES)
def test_a_line_about_what_was_got_over_is_told_as_it_was(app: App, line: str) -> None:
    """A moment later, as the message that it is; each of several."""

    @app.app.get("/")
    def index() -> None:
        got_over(LINES[line])

    app.http.get("/")
    app.notifier.flush()
    lines = {"two lines": 2, "a line and its traceback": 2}.get(line, 1)
    assert len(app.memory.events) == lines
    assert "exception" not in app.memory.events[0]


def test_a_line_about_something_else_is_another_incident(app: App) -> None:
    """What goes wrong while a failure is dealt with is not swallowed with it."""

    @app.app.get("/")
    def index() -> None:
        raised(lambda _: log.error("the refund of order %d is missing", 42))

    app.http.get("/")
    app.notifier.flush()
    messages = [event.get("message") for event in app.memory.events]
    assert messages == ["the refund of order 42 is missing", None]


def test_a_line_of_an_attempt_that_is_retried_is_not_told(app: App) -> None:
    """As with a traceback: the task's own rules say what is reported."""
    attempts: list[int] = []

    @app.notifier.task(retries=2, backoff=0.0)
    def fails_once() -> None:
        attempts.append(1)
        if len(attempts) < 2:
            raised(LINES["an f-string"])

    fails_once()
    app.notifier.flush()
    assert len(attempts) == 2
    assert not app.memory.events


def test_a_line_about_what_was_reported_already_adds_nothing(app: App) -> None:
    """By hand, or by a task further in."""
    try:
        charge()
    except ConnectionError as error:
        app.notifier.report(error)
        log.error(f"could not charge: {error}")  # noqa: G004
    app.notifier.flush()
    assert app.errors == ["ConnectionError"]


@pytest.mark.parametrize("end", ["raise", "sys.exit(3)", "pass"])
def test_outside_of_requests_and_at_the_end_of_a_process(end: str, tmp_path: Path) -> None:
    """A script that logs and raises is one incident; what waits when it ends is told."""
    program = f"""
import logging, sys
from notifier.client import Notifier
notifier = Notifier("nightly")
notifier.install_excepthook()
logging.getLogger().addHandler(notifier.logging_handler())
try:
    raise ConnectionError("upstream timed out")
except ConnectionError as error:
    logging.error(f"could not import: {{error}}")
    {end}
"""
    with Receiver() as service:
        environ = {"NOTIFIER_URL": service.url, "NOTIFIER_KEY": "k" * 40, "NOTIFIER_SPOOL": str(tmp_path)}
        subprocess.run([sys.executable, "-c", program], cwd=ROOT, env=environ, check=False, timeout=30)
        (event,) = service.events
    assert event["message"] == "could not import: upstream timed out"
    assert ("exception" in event) is (end == "raise")


def test_a_log_call_s_extra_is_context() -> None:
    """With and without an exception; its own names stay the client's."""
    memory = MemoryTransport()
    notifier = Notifier("billing", transport=memory)
    handler = notifier.logging_handler()
    other = logging.getLogger("tests.extra")
    other.propagate = False
    extra: dict[str, Any] = {"order_id": 42, "password": "hunter22", "items": [1, 2], "who": object()}

    def logs() -> None:
        other.error("could not charge", extra=extra)
        try:
            charge()
        except ConnectionError:
            other.exception("could not charge", extra=extra)
        other.error("plain")
        logging.LoggerAdapter(other, {"tenant": "acme"}).error("adapted")

    other.addHandler(handler)
    # In nobody's request or task.
    contextvars.Context().run(logs)
    other.removeHandler(handler)
    first, second, plain, adapted = memory.events
    for event in (first, second):
        assert event["context"] == {
            "order_id": 42, "password": "[scrubbed]", "items": [1, 2], "who": "<object>", "logger": "tests.extra",
        }  # fmt: skip
    assert plain["context"] == {"logger": "tests.extra"}
    assert adapted["context"] == {"tenant": "acme", "logger": "tests.extra"}


class Hostile:
    """As proxies and arrays are: whatever is asked of it raises."""

    @property  # type: ignore[misc]
    def __class__(self) -> Any:
        raise RuntimeError("unbound")

    def __eq__(self, other: object) -> bool:
        raise ValueError("ambiguous")

    __hash__ = None  # type: ignore[assignment]


def test_what_a_log_call_was_given_is_not_asked_anything(app: App) -> None:
    """Its extra, and its arguments, are the application's own objects."""
    try:
        charge()
    except ConnectionError:
        log.error("could not charge", extra={"order": Hostile()})
        log.error("could not charge %d of %d", 1, 2, extra={"order": Hostile()})
    app.notifier.flush()
    assert [event["message"] for event in app.memory.events] == [
        "could not charge",
        "could not charge 1 of 2",
    ]


def test_extra_of_what_is_raised_on_goes_with_its_report(app: App) -> None:
    """The order that was logged is in the one report there is."""

    @app.app.get("/orders/{id}")
    def order() -> None:
        raised(lambda _: log.exception("could not charge", extra={"order_id": 42}))  # noqa: LOG004

    app.http.get("/orders/7")
    app.notifier.flush()
    assert app.only["context"]["order_id"] == 42
    assert app.only["context"]["request"]["route"] == "/orders/{id}"


def test_a_log_call_s_stack_is_context(memory: MemoryTransport) -> None:
    """`stack_info=True`: its innermost lines."""
    log.error("how did we get here", stack_info=True)
    (event,) = memory.events
    assert "test_a_log_call_s_stack_is_context" in event["context"]["stack"][-2]
    assert len(event["context"]["stack"]) <= 40


def test_a_log_call_whose_argument_ends_the_process(notifier: Notifier, memory: MemoryTransport) -> None:
    """The application does not end by being watched."""

    class Exits:
        def __str__(self) -> str:
            raise SystemExit

    record = logging.makeLogRecord(
        {"msg": "no %s", "args": (Exits(),), "levelno": logging.ERROR, "name": "shop"}
    )
    notifier.logging_handler().handle(record)
    assert [event["message"] for event in memory.events] == ["no %s"]
