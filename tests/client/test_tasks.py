"""Decorated functions and the runner: retries, one report in the end, and a status that is true at every moment."""

from __future__ import annotations

import asyncio
import functools
import logging
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from types import MethodType
from typing import Any

import pytest
from fastapi import BackgroundTasks
from fastapi.responses import JSONResponse
from starlette.background import BackgroundTask

from notifier.client import MemoryTransport, Notifier, Tasks
from tests.client.conftest import App

pytestmark = pytest.mark.anyio


class Flaky:
    """Fails so many times, then answers."""

    def __init__(self, failures: int, error: Exception | None = None) -> None:
        self.left = failures
        self.calls = 0
        self.error = error

    def __call__(self) -> str:
        self.calls += 1
        if self.left:
            self.left -= 1
            raise self.error or TimeoutError("upstream")
        return "charged"


async def test_retries_end_in_a_result_and_no_report(notifier: Notifier, memory: MemoryTransport) -> None:
    """Two failures, then it works: the caller sees the result, the run all of its attempts, and nobody is woken."""
    flaky = Flaky(2)

    @notifier.task(retries=3)
    async def charge(order: int) -> str:
        """Charges."""
        return f"{flaky()} {order}"

    assert await charge(42) == "charged 42"
    (run,) = memory.runs.values()
    assert (run["state"], run["attempt"], run["max_attempts"]) == ("completed", 3, 4)
    assert run["result"] == "charged 42"
    assert run["error"] is None
    assert run["duration_ms"] is not None
    assert not memory.events
    assert charge.__name__ == "charge"
    assert charge.__doc__ == "Charges."


def test_a_plain_function_is_retried_in_its_thread(notifier: Notifier, memory: MemoryTransport) -> None:
    """The last failure is raised as if the decorator were not there, and reported once with its task."""
    flaky = Flaky(9)

    @notifier.task(retries=2, severity="critical")
    def charge(order: int) -> str:
        return f"{flaky()} {order}"

    with pytest.raises(TimeoutError):
        charge(42)
    (run,) = memory.runs.values()
    (event,) = memory.events
    assert flaky.calls == 3
    assert (run["state"], run["attempt"]) == ("failed", 3)
    assert run["error"] == {"type": "TimeoutError", "module": "builtins", "message": "upstream"}
    assert event["severity"] == "critical"
    assert event["task"] == {"id": run["id"], "name": run["task"], "attempt": 3, "max_attempts": 3}
    assert run["task"] == f"{__name__}.test_a_plain_function_is_retried_in_its_thread.<locals>.charge"
    assert event["context"]["arguments"] == {"args": ["int"], "kwargs": {}}


@pytest.mark.parametrize(("alert", "told"), [("after_final_failure", 1), ("every_failure", 3), ("never", 0)])
def test_what_is_reported_is_the_task_s_choice(
    notifier: Notifier, memory: MemoryTransport, alert: Any, told: int
) -> None:
    """A failure that a task keeps to itself is not reported by anybody else, either."""
    handler = notifier.logging_handler()
    log = logging.getLogger("tests.alerts")
    log.addHandler(handler)

    @notifier.task(retries=2, alert=alert)
    def charge() -> None:
        try:
            Flaky(1)()
        except TimeoutError:
            log.exception("not yet")
            raise

    with pytest.raises(TimeoutError) as caught:
        charge()
    notifier.report(caught.value)
    notifier.flush()
    log.removeHandler(handler)
    assert len(memory.events) == told


def test_what_a_task_got_over_is_reported_though_it_completed(
    notifier: Notifier, memory: MemoryTransport
) -> None:
    """A logged exception that was not raised on is a report of its own; it is not the run's failure."""
    handler = notifier.logging_handler()
    log = logging.getLogger("tests.got_over")
    log.addHandler(handler)

    @notifier.task
    def charge() -> None:
        try:
            Flaky(1)()
        except TimeoutError:
            log.exception("the first gateway is away")

    charge()
    notifier.flush()
    log.removeHandler(handler)
    (event,) = memory.events
    (run,) = memory.runs.values()
    assert run["state"] == "completed"
    assert "id" not in event["task"]
    assert event["context"]["task_run"] == run["id"]


def test_retry_on_and_backoff_are_the_task_s(memory: MemoryTransport) -> None:
    """A class, several, or a function; a sequence of waits. What is not among them ends at once."""
    waits: list[int] = []

    def backoff(failures: int) -> float:
        waits.append(failures)
        return 0.0

    notifier = Notifier("billing", transport=memory)

    def calls(error: Exception, **options: Any) -> int:
        flaky = Flaky(9, error)
        with pytest.raises(type(error)):
            notifier.task(name="t", retries=2, backoff=backoff, **options)(flaky)()
        return flaky.calls

    assert calls(KeyError(), retry_on=OSError) == 1
    assert calls(OSError(), retry_on=OSError) == 3
    assert calls(KeyError(), retry_on=(OSError, KeyError)) == 3
    assert calls(KeyError("a"), retry_on=lambda error: "b" in str(error)) == 1
    assert calls(KeyError("b"), retry_on=lambda error: "b" in str(error)) == 3
    assert waits == [1, 2] * 3


async def test_a_timeout_is_an_attempt_s(notifier: Notifier, memory: MemoryTransport) -> None:
    """Of a coroutine it ends the attempt, and the next follows; of a thread it ends the run, for it may run on."""
    calls = 0
    release = threading.Event()

    @notifier.task(retries=50, timeout=0.02)
    async def slow() -> str:
        nonlocal calls
        calls += 1
        await asyncio.sleep(5 if calls == 1 else 0)
        return "in time"

    @notifier.task(retries=5, timeout=0.02)
    def stuck() -> None:
        nonlocal calls
        calls += 1
        release.wait(60)

    assert await slow() == "in time"
    calls = 0
    with pytest.raises(TimeoutError, match="may still run"):
        await asyncio.to_thread(stuck)
    release.set()
    assert calls == 1
    assert [run["state"] for run in memory.runs.values()] == ["completed", "failed"]


async def test_cancellation_is_passed_on_and_accounted_for(
    notifier: Notifier, memory: MemoryTransport
) -> None:
    """While it works and while it waits for its next attempt; no alert, for somebody wanted it."""
    notifier.tracker.waits_between_retries = True

    @notifier.task
    async def works() -> None:
        await asyncio.sleep(60)

    @notifier.task(retries=1, backoff=60.0)
    async def waits() -> None:
        raise TimeoutError

    tasks = [asyncio.create_task(works()), asyncio.create_task(waits())]
    await until(lambda: [run["state"] for run in memory.runs.values()] == ["processing", "retrying"])
    for task in tasks:
        task.cancel()
    ended = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(one) for one in ended] == [asyncio.CancelledError] * 2
    for run in memory.runs.values():
        assert run["state"] == "lost"
        assert run["error"]["reason"] == "cancelled"
    assert not memory.events


@pytest.mark.parametrize("ends", [SystemExit, KeyboardInterrupt, GeneratorExit])
def test_what_ends_the_process_ends_the_run(
    notifier: Notifier, memory: MemoryTransport, ends: type[BaseException]
) -> None:
    """It is no failure of the task's, is never swallowed, and the run is lost because of it."""

    @notifier.task(retries=3)
    def exits() -> None:
        raise ends

    with pytest.raises(ends):
        exits()
    (run,) = memory.runs.values()
    assert (run["state"], run["error"]["reason"], run["attempt"]) == ("lost", "interrupted", 1)


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"alert": "sometimes"}, "alert is one of"),
        ({"severity": "bad"}, "severity is one of"),
        ({"retries": -1}, "retries"),
        ({"retries": 1.5}, "retries"),
        ({"timeout": 0}, "timeout"),
        ({"timeout": "30s"}, "timeout"),
        ({"backoff": "1s"}, "backoff"),
        ({"backoff": [1, -2]}, "backoff"),
        ({"replay": True}, "store_args=True"),
    ],
)
def test_a_declaration_that_cannot_be_meant(notifier: Notifier, options: Any, why: str) -> None:
    """It says so where it is written, not when it fails at night."""
    with pytest.raises(ValueError, match=why):
        notifier.task(**options)(lambda: None)

    def yields() -> Any:
        yield

    with pytest.raises(TypeError, match="yields"):
        notifier.task(yields)


def test_runs_through_plain_background_tasks(app: App) -> None:
    """FastAPI's own `add_task` with a decorated function: retried, reported once, siblings run."""
    done: list[str] = []

    @app.notifier.task(retries=1)
    async def fails() -> None:
        raise ValueError

    @app.app.post("/")
    def schedule(tasks: BackgroundTasks) -> None:
        tasks.add_task(fails)
        tasks.add_task(done.append, "sibling")

    app.http.post("/")
    assert app.errors == ["ValueError"]
    assert app.states() == {"fails": "failed"}
    assert app.only["task"]["attempt"] == 2
    assert done == ["sibling"]


def test_the_runner_answers_at_once_and_the_application_knows_the_status(app: App) -> None:
    """Pending while the request lasts; completed, with its result, afterwards; an unknown id is a problem."""
    seen: list[Any] = []

    @app.notifier.task
    async def charge(order: int) -> dict[str, int]:
        return {"order": order}

    def undecorated(text: str) -> str:
        return text.upper()

    @app.app.post("/")
    def schedule(tasks: Tasks) -> list[str]:
        runs = [tasks.add(charge, 42), tasks.add(undecorated, "a")]
        seen.extend(run.status for run in runs)
        return [run.url for run in runs]

    urls = app.http.post("/").json()
    assert seen == ["pending", "pending"]
    first, second = (app.http.get(url).json() for url in urls)
    assert urls[0] == f"/tasks/{first['id']}"
    assert (first["status"], first["result"], first["attempt"]) == ("completed", {"order": 42}, 1)
    assert (second["status"], second["result"]) == ("completed", "A")
    assert second["task"].endswith("undecorated")
    unknown = app.http.get("/tasks/none")
    assert unknown.status_code == 404
    assert unknown.headers["content-type"] == "application/problem+json"
    assert unknown.json()["status"] == 404


def test_a_failed_run_says_why(app: App) -> None:
    """Its error is structured, and its frames are nobody's business outside."""

    @app.notifier.task(retries=1)
    def charge() -> None:
        raise TimeoutError("upstream")

    @app.app.post("/")
    def schedule(tasks: Tasks) -> str:
        return tasks.add(charge).url

    status = app.http.get(app.http.post("/").json()).json()
    assert (status["status"], status["attempt"], status["max_attempts"]) == ("failed", 2, 2)
    assert status["error"] == {"type": "TimeoutError", "module": "builtins", "message": "upstream"}


def test_a_key_makes_a_run_idempotent(app: App) -> None:
    """The same key answers the same run, until that one has failed."""
    flaky = Flaky(1)

    @app.notifier.task
    def charge() -> str:
        return flaky()

    @app.app.post("/")
    def schedule(tasks: Tasks) -> str:
        return tasks.add(charge, key="charge-42").id

    failed, completed, again = (app.http.post("/").json() for _ in range(3))
    assert failed != completed
    assert completed == again
    assert flaky.calls == 2
    assert [run["state"] for run in app.memory.runs.values()] == ["failed", "completed"]
    assert {run["key"] for run in app.memory.runs.values()} == {"charge-42"}


def test_a_task_that_never_starts_is_lost(app: App) -> None:
    """The endpoint raises after it scheduled, or answers with a response that brings tasks of its own."""

    def charge() -> None:
        raise AssertionError

    @app.app.post("/raises")
    def raises(tasks: Tasks) -> None:
        tasks.add(charge)
        raise LookupError

    @app.app.post("/replaces")
    def replaces(tasks: Tasks) -> JSONResponse:
        tasks.add(charge)
        return JSONResponse({}, background=BackgroundTask(str))

    app.http.post("/raises")
    app.http.post("/replaces")
    lost = [run["error"]["reason"] for run in app.memory.runs.values() if run["state"] == "lost"]
    assert lost == ["dropped", "dropped"]
    assert app.errors == ["LookupError"]


@pytest.mark.parametrize(
    ("result", "kept"),
    [
        ({"a": [1, 2.5, None, True, "x"]}, None),
        ("x" * 200_000, "truncated"),
        (object(), "truncated"),
        ((1, 2), "truncated"),
        (float("nan"), "truncated"),
    ],
)
def test_a_result_is_kept_as_json_or_says_that_it_is_not(
    notifier: Notifier, memory: MemoryTransport, result: object, kept: str | None
) -> None:
    """What is too large, or no JSON, is kept as a preview that says so."""

    @notifier.task
    def gives() -> object:
        return result

    gives()
    (run,) = memory.runs.values()
    if kept is None:
        assert run["result"] == result
    else:
        assert run["result"]["truncated"] is True
        assert len(str(run["result"])) < 2_500


@pytest.mark.parametrize(
    ("arguments", "replayable"),
    [
        ((42, {"a": None}), "yes"),
        ((object(),), "touched"),
        (("x" * 100_000,), "touched"),
        (({"password": "p"},), "touched"),
    ],
)
def test_arguments_are_kept_where_the_task_says_so(
    notifier: Notifier, memory: MemoryTransport, arguments: Any, replayable: str
) -> None:
    """As JSON, without secrets; what is then no longer what was given cannot be run again."""

    @notifier.task(store_args=True, replay=True)
    def charge(*_: object) -> None:
        raise LookupError

    with pytest.raises(LookupError):
        charge(*arguments)
    (run,) = memory.runs.values()
    assert run["replayable"] == replayable
    assert "'p'" not in str(run["arguments"])
    if replayable == "yes":
        assert run["arguments"] == {"args": list(arguments), "kwargs": {}}


async def test_a_replay_runs_the_function_again_under_the_id_it_was_given(
    notifier: Notifier, memory: MemoryTransport
) -> None:
    """On the application's loop or in a thread; once, however often it is handed out."""
    done: list[int] = []

    @notifier.task(store_args=True, replay=True)
    async def charge(order: int) -> None:
        done.append(order)

    @notifier.task(store_args=True, replay=True)
    def refund(order: int) -> None:
        done.append(-order)

    @notifier.task
    def other() -> None:
        raise AssertionError

    name = f"{__name__}.test_a_replay_runs_the_function_again_under_the_id_it_was_given.<locals>"
    assert notifier.replays.names() == [f"{name}.refund"]
    notifier.serving(asyncio.get_running_loop())
    assert sorted(notifier.replays.names()) == [f"{name}.charge", f"{name}.refund"]

    def order(id_: str, task: str) -> dict[str, Any]:
        return {
            "id": id_,
            "replay_of": "old",
            "task": f"{name}.{task}",
            "key": None,
            "arguments": {"args": [7]},
        }

    for one in (order("a", "charge"), order("a", "charge"), order("b", "refund"), order("c", "other")):
        await asyncio.to_thread(notifier.replays.start, one)
    await until(lambda: len(done) == 2 and all(run["state"] == "completed" for run in memory.runs.values()))
    assert sorted(done) == [-7, 7]
    assert {id_: run["replay_of"] for id_, run in memory.runs.items()} == {"a": "old", "b": "old"}


async def until(check: Callable[[], bool], within: float = 60.0) -> None:
    deadline = time.monotonic() + within
    while not check():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.005)


async def charges(done: list[str], failures: list[int]) -> str:
    """Takes a moment, and fails as often as there are failures left."""
    await asyncio.sleep(0.01)
    if failures:
        raise LookupError(failures.pop())
    done.append("charged")
    return "charged"


def passes_on(function: Callable[..., Any]) -> Callable[..., Any]:
    """A decorator as they are written: plain, around anything."""

    @functools.wraps(function)
    def wrapper(*args: Any) -> Any:
        return function(*args)

    return wrapper


class Query:
    """As an object-relational mapper makes them: nothing happens until it is awaited."""

    def __init__(self, done: list[str], failures: list[int]) -> None:
        self._work = functools.partial(charges, done, failures)

    def __await__(self) -> Any:
        return self._work().__await__()


@pytest.mark.parametrize("form", ["lambda", "decorated", "runner", "query"])
@pytest.mark.parametrize("failures", [0, 1, 2])
def test_a_plain_function_that_answers_with_a_coroutine_is_awaited(
    app: App, form: str, failures: int
) -> None:
    """In the background of an application: it has run when it says so, and is retried as any other."""
    done: list[str] = []
    left = list(range(failures))
    around = lambda *args: charges(*args)  # noqa: E731, PLW0108 - as applications write it
    function = {"lambda": around, "query": lambda *args: Query(*args)}.get(form, passes_on(charges))  # noqa: PLW0108
    task = app.notifier.task(retries=1, backoff=0.0, name="charge")(function)

    @app.app.get("/")
    def index(tasks: Tasks, background: BackgroundTasks) -> None:
        if form == "runner":
            tasks.add(task, done, left)
        else:
            background.add_task(task, done, left)

    app.http.get("/")
    assert done == (["charged"] if failures < 2 else [])
    assert app.states() == {"charge": "completed" if failures < 2 else "failed"}
    assert app.errors == ([] if failures < 2 else ["LookupError"])
    (run,) = app.memory.runs.values()
    assert run["attempt"] == min(failures, 1) + 1
    assert run["result"] == ("charged" if failures < 2 else None)


async def test_who_calls_a_plain_function_awaits_its_coroutine(
    notifier: Notifier, memory: MemoryTransport
) -> None:
    """On a loop it is the caller's, as without the decorator; the run ends when it does."""
    done: list[str] = []
    call = notifier.task(passes_on(charges))(done, [])
    assert [run["state"] for run in memory.runs.values()] == ["processing"]
    assert await call == "charged"
    assert [run["state"] for run in memory.runs.values()] == ["completed"]


async def test_a_wrapper_that_only_makes_the_coroutine_is_awaited_to_its_end(
    notifier: Notifier, memory: MemoryTransport
) -> None:
    """Else it would be completed, and nothing would have run."""
    done: list[str] = []

    async def wraps(*args: Any) -> Any:
        return charges(*args)

    assert await notifier.task(wraps)(done, []) == "charged"
    assert done == ["charged"]
    assert [run["result"] for run in memory.runs.values()] == ["charged"]


def test_a_replay_of_one_is_awaited_as_well(notifier: Notifier, memory: MemoryTransport) -> None:
    """Where no application's loop runs, on one of its own."""
    done: list[str] = []
    finished = threading.Event()

    async def works() -> None:
        await asyncio.sleep(0)
        done.append("it ran")
        finished.set()

    notifier.task(store_args=True, replay=True, name="works")(passes_on(works))
    notifier.replays.start({"id": "new", "task": "works", "arguments": {"args": [], "kwargs": {}}})
    assert finished.wait(60)
    deadline = time.monotonic() + 60
    while memory.runs["new"]["state"] != "completed":
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert done == ["it ran"]


def test_a_function_s_own_key_is_its_own(app: App) -> None:
    """By position or by name, in a partial, decorated or not; what has none gets the run's."""
    got: list[object] = []

    def sign(document: str, key: str) -> None:
        got.append((document, key))

    def put(*, key: str = "default") -> None:
        got.append(key)

    def lock(key: str, /, **more: object) -> None:
        got.append((key, more))

    async def sign_async(document: str, key: str) -> None:
        got.append((document, key))

    @app.app.post("/")
    def schedule(tasks: Tasks) -> list[str | None]:
        runs = [
            tasks.add(sign, "a", key="k1"),
            tasks.add(app.notifier.task(sign), "b", key="k2"),
            tasks.add(sign_async, "c", key="k3"),
            tasks.add(functools.partial(sign, "d"), key="k4"),
            tasks.add(put, key="k5"),
            tasks.add(lock, "k6", key="run"),
            tasks.add(put),
        ]
        return [run.key for run in runs]

    assert app.http.post("/").json() == [None, None, None, None, None, "run", None]
    assert got == [("a", "k1"), ("b", "k2"), ("c", "k3"), ("d", "k4"), "k5", ("k6", {}), "default"]


@pytest.mark.parametrize("is_async", [True, False])
def test_a_timed_out_task_s_status_says_so(app: App, is_async: bool) -> None:
    """Its report, too; what the function itself has to say of a timeout stays."""

    @app.notifier.task(timeout=0.01)
    async def slow() -> None:
        await asyncio.sleep(1)

    @app.notifier.task(timeout=0.01)
    def slow_thread() -> None:
        time.sleep(0.5)

    @app.notifier.task(timeout=60)
    async def own() -> None:
        raise TimeoutError("the upstream's")

    @app.app.post("/")
    def schedule(tasks: Tasks) -> list[str]:
        return [tasks.add(slow if is_async else slow_thread).url, tasks.add(own).url]

    statuses = [app.http.get(url).json() for url in app.http.post("/").json()]
    assert "did not end within 0.01 s" in statuses[0]["error"]["message"]
    assert statuses[1]["error"]["message"] == "the upstream's"
    assert "did not end within" in app.memory.events[0]["exception"]["message"]


def test_a_task_may_be_of_severity_none(app: App) -> None:
    """Kept by the service, and told to nobody."""

    @app.notifier.task(severity="none")
    def fails() -> None:
        raise LookupError

    with pytest.raises(LookupError):
        fails()
    assert app.only["severity"] == "none"
    with pytest.raises(ValueError, match="warning, info, none"):
        app.notifier.task(severity="nothing")(fails)


def audited(function: Callable[..., Any]) -> Callable[..., Any]:
    """A decorator as they are written for coroutine functions."""

    @functools.wraps(function)
    async def wrapper(*args: Any, **kwargs: Any) -> Any:
        return await function(*args, **kwargs)

    return wrapper


def locked(function: Callable[..., Any]) -> Callable[..., Any]:
    """A decorator that lets a call be."""

    @functools.wraps(function)
    async def wrapper(*args: Any, **kwargs: Any) -> str:
        return "another one is at it"

    return wrapper


def refused(function: Callable[..., Any]) -> Callable[..., Any]:
    """A decorator that fails before the call."""

    @functools.wraps(function)
    async def wrapper(*args: Any, **kwargs: Any) -> str:
        raise PermissionError

    return wrapper


class Shop:
    """Tasks that are methods."""

    def __init__(self, notifier: Notifier, name: str) -> None:
        def charge(self: Shop, order: int, tip: int = 0) -> str:
            return f"{name} {order} {tip}"

        async def charge_async(self: Shop, order: int, tip: int = 0) -> str:
            return f"{name} {order} {tip}"

        self.plain = notifier.task(name="charge")(charge)
        self.coroutine = notifier.task(name="charge", retries=1)(charge_async)


@pytest.mark.parametrize("way", ["plain", "coroutine"])
@pytest.mark.parametrize(
    ("form", "state", "result"),
    [
        ("method", "completed", "a 42 0"),
        ("partial", "completed", "a 42 7"),
        ("audited", "completed", "a 42 0"),
        ("passes_on", "completed", "a 42 0"),
        ("locked", "completed", "another one is at it"),
        ("refused", "failed", None),
    ],
)
def test_a_task_in_whatever_form_it_is_added(
    app: App, way: str, form: str, state: str, result: str | None
) -> None:
    """`tasks.add` calls what it was given, with all that it carries: one run, and that is how it went."""
    task = getattr(Shop(app.notifier, "a"), way)
    if form == "audited" and way == "plain":
        form = "passes_on"
    around = {"audited": audited, "passes_on": passes_on, "locked": locked, "refused": refused}.get(form)

    @app.app.get("/")
    def index(tasks: Tasks) -> str:
        if form == "method":
            return tasks.add(MethodType(task, "self"), 42).id
        if form == "partial":
            return tasks.add(functools.partial(task, "self", tip=7), 42).id
        assert around is not None
        return tasks.add(around(task), "self", 42).id

    id_ = app.http.get("/").json()
    status = app.http.get(f"/tasks/{id_}").json()
    assert (status["status"], status["result"], status["task"]) == (state, result, "charge")
    assert len(app.memory.runs) == 1
    assert app.errors == (["PermissionError"] if form == "refused" else [])


def test_what_has_not_run_is_not_completed(app: App) -> None:
    """A generator that nobody takes anything from, whoever answered with it."""

    @app.app.get("/{form}")
    def index(form: str, tasks: Tasks) -> None:
        def yields() -> Any:
            yield form

        tasks.add(functools.partial(lambda: yields()))  # noqa: PLW0108 - as applications write it

    app.http.get("/lambda")
    assert list(app.states().values()) == ["failed"]
    assert app.errors == ["TypeError"]


class Yields:
    def __call__(self) -> Any:
        yield 1


@pytest.mark.parametrize(
    ("function", "why"),
    [
        (Yields(), "yields"),
        (None, "cannot be called"),
        (classmethod(lambda cls: None), "under @classmethod"),
    ],
)
def test_what_can_be_no_task_says_why(notifier: Notifier, function: Any, why: str) -> None:
    """Where it is declared."""
    with pytest.raises(TypeError, match=why):
        notifier.task(function)


def test_options_in_another_form(notifier: Notifier, memory: MemoryTransport) -> None:
    """A list of classes is several of them, and a duration is its seconds."""

    @notifier.task(retries=1, retry_on=[LookupError], timeout=timedelta(seconds=5), backoff=timedelta(0))  # type: ignore[call-overload,untyped-decorator]
    def fails() -> None:
        raise KeyError

    with pytest.raises(KeyError):
        fails()
    assert [run["attempt"] for run in memory.runs.values()] == [2]


@pytest.mark.parametrize(
    ("inner", "attempts"),
    [
        ([TimeoutError(), TimeoutError()], 2),
        ([ExceptionGroup("a", [TimeoutError()])], 2),
        ([TimeoutError(), KeyError()], 1),
    ],
)
def test_a_group_is_retried_where_each_of_it_would_be(
    notifier: Notifier, memory: MemoryTransport, inner: list[Exception], attempts: int
) -> None:
    """What a `TaskGroup` raises is a group, also of one."""

    @notifier.task(retries=1, backoff=0.0, retry_on=TimeoutError)
    def fails() -> None:
        raise ExceptionGroup("unhandled errors in a TaskGroup", inner)

    with pytest.raises(ExceptionGroup):
        fails()
    assert [run["attempt"] for run in memory.runs.values()] == [attempts]


def test_a_group_of_what_is_ignored_is_ignored(memory: MemoryTransport) -> None:
    """Of all else, it is told."""
    notifier = Notifier("billing", transport=memory, ignore=["TimeoutError", LookupError])
    assert notifier.report(ExceptionGroup("a", [TimeoutError(), TimeoutError()])) is None
    assert notifier.report(ExceptionGroup("a", [TimeoutError(), OSError()]))
    assert len(memory.events) == 1
