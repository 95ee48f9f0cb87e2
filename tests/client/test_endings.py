"""What is no `Exception` ends a task as well: told as a failure while the loop lives, and passed on as it is."""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

import httpx
import pytest
from fastapi import BackgroundTasks, Request

from notifier.client import MemoryTransport, Notifier
from tests.client.conftest import App
from tests.client.receiver import Receiver
from tests.processes import SEEN_WITHIN_S

pytestmark = pytest.mark.anyio
ROOT = Path(__file__).parents[2]


class Stop(BaseException):
    """Of a library that wants to be caught by nobody."""


def exits() -> None:
    sys.exit(2)


async def exits_on_the_loop() -> None:
    sys.exit("no database")


async def waits_for_what_was_cancelled() -> None:
    other = asyncio.create_task(asyncio.sleep(10))
    other.cancel()
    await other


async def groups() -> None:
    raise BaseExceptionGroup("several", [SystemExit(2), ValueError("x")])


async def stops() -> None:
    raise Stop


ENDS: dict[str, tuple[Callable[[], Any], type[BaseException]]] = {
    "in a thread": (exits, SystemExit),
    "on the loop": (exits_on_the_loop, SystemExit),
    "cancelled elsewhere": (waits_for_what_was_cancelled, asyncio.CancelledError),
    "a group": (groups, BaseExceptionGroup),
    "a library's": (stops, Stop),
}


async def get(app: App, path: str) -> None:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app.app), base_url="http://app") as http:
        await http.get(path)


@pytest.mark.parametrize("decorated", [False, True])
@pytest.mark.parametrize("end", ENDS)
async def test_it_is_a_failure_and_its_siblings_run(app: App, end: str, decorated: bool) -> None:
    """In a background task, plain or decorated: reported, the siblings run, and it goes on as it was."""
    function, kind = ENDS[end]
    done: list[str] = []

    @app.app.get("/")
    def index(tasks: BackgroundTasks) -> None:
        tasks.add_task(
            app.notifier.task(
                function,
            )
            if decorated
            else function
        )
        tasks.add_task(done.append, "the sibling")

    with pytest.raises(kind):
        await get(app, "/")
    assert done == ["the sibling"]
    event = app.only
    types = [event["exception"]["type"], ((event["exception"]["cause"]) or {}).get("type")]
    assert kind.__name__ in types
    assert event["task"]["name"].endswith(function.__name__)
    assert app.states() == ({function.__name__: "failed"} if decorated else {})


async def test_a_sibling_s_own_end_is_a_failure_as_well(app: App) -> None:
    """The first failure is the one that goes on."""
    done: list[str] = []

    def fails() -> None:
        raise LookupError

    @app.app.get("/")
    def index(tasks: BackgroundTasks) -> None:
        for function in (fails, exits, waits_for_what_was_cancelled):
            tasks.add_task(function)
        tasks.add_task(done.append, "the last")

    with pytest.raises(LookupError):
        await get(app, "/")
    assert app.errors == ["LookupError", "SystemExit", "CancelledError"]
    assert done == ["the last"]


@pytest.mark.parametrize("decorated", [False, True])
async def test_a_genuine_cancellation_runs_no_siblings(app: App, decorated: bool) -> None:
    """Somebody wanted the request gone: nothing is told, a run is lost, and nothing begins."""
    done: list[str] = []
    begun = asyncio.Event()

    async def works() -> None:
        begun.set()
        await asyncio.sleep(10)

    @app.app.get("/")
    def index(tasks: BackgroundTasks) -> None:
        tasks.add_task(app.notifier.task(works) if decorated else works)
        tasks.add_task(done.append, "the sibling")

    request = asyncio.create_task(get(app, "/"))
    await begun.wait()
    request.cancel()
    with pytest.raises(asyncio.CancelledError):
        await request
    assert not done
    assert not app.memory.events
    assert app.states() == ({"works": "lost"} if decorated else {})


async def test_a_cancellation_while_a_sibling_runs_ends_the_rest(app: App) -> None:
    """It goes on in the failure's place."""
    done: list[str] = []
    begun = asyncio.Event()

    async def fails() -> None:
        raise LookupError

    async def works() -> None:
        begun.set()
        await asyncio.sleep(10)

    @app.app.get("/")
    def index(tasks: BackgroundTasks) -> None:
        tasks.add_task(fails)
        tasks.add_task(works)
        tasks.add_task(done.append, "the last")

    request = asyncio.create_task(get(app, "/"))
    await begun.wait()
    request.cancel()
    with pytest.raises(asyncio.CancelledError):
        await request
    assert not done
    assert app.errors == ["LookupError"]


async def test_in_a_request_as_well(app: App) -> None:
    """With its route."""

    @app.app.get("/orders/{order}")
    async def order(order: int, request: Request) -> None:
        sys.exit(order)

    with pytest.raises(SystemExit):
        await get(app, "/orders/3")
    assert app.only["context"]["request"]["route"] == "/orders/{order}"


def test_a_run_that_is_thrown_away_changes_nothing_where_it_is_collected(
    notifier: Notifier, memory: MemoryTransport
) -> None:
    """A loop that ended left a run within a run: what is reported where the garbage is collected is of neither."""

    @notifier.task
    async def inner() -> None:
        await asyncio.sleep(10)

    @notifier.task
    async def outer(begun: list[Any]) -> None:
        begun.append(inner())
        begun[0].send(None)

    begun: list[Any] = []
    asyncio.run(outer(begun))
    begun[0].close()
    notifier.message("elsewhere")
    assert "task" not in memory.events[-1]


async def test_ctrl_c_is_nobody_s_failure(notifier: Notifier, memory: MemoryTransport) -> None:
    """Also while the loop lives."""

    @notifier.task
    def interrupted() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert not memory.events
    assert [run["state"] for run in memory.runs.values()] == ["lost"]


PROGRAM = """
import os, sys
import uvicorn
from fastapi import BackgroundTasks, FastAPI
from notifier.client import Notifier
app = FastAPI()
notifier = Notifier("billing")
notifier.instrument(app)
async def exits(): sys.exit(7)
def exits_in_a_thread(): sys.exit(7)
exits = notifier.task(locals()[sys.argv[1]])
async def charges(): print("charged", flush=True)
answers = notifier.task(lambda: charges())
@app.get("/answers")
async def with_a_coroutine(tasks: BackgroundTasks):
    tasks.add_task(answers)
    tasks.add_task(print, "the sibling", flush=True)
@app.get("/")
async def index(tasks: BackgroundTasks):
    tasks.add_task(exits)
    tasks.add_task(print, "the sibling", flush=True)
class Server(uvicorn.Server):
    async def startup(self, sockets=None):
        await super().startup(sockets)
        print(self.servers[0].sockets[0].getsockname()[1], flush=True)
Server(uvicorn.Config(app, port=0, log_level="critical")).run()
"""


@contextlib.contextmanager
def served(receiver: Receiver, spool: Path, *arguments: str) -> Iterator[tuple[str, IO[str]]]:
    """The program's address, and what it prints: nothing of a test's own imports is there."""
    environ = {
        **os.environ,
        "NOTIFIER_URL": receiver.url,
        "NOTIFIER_KEY": "ntf_" + "0" * 40,
        "NOTIFIER_SPOOL": str(spool),
        "PYTHONPATH": str(ROOT),
    }
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, *arguments],
        env=environ,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    assert process.stdout is not None
    # What is never printed is not waited for.
    late = threading.Timer(SEEN_WITHIN_S, process.kill)
    late.start()
    try:
        yield f"http://127.0.0.1:{int(process.stdout.readline())}", process.stdout
    finally:
        late.cancel()
        process.kill()
        process.communicate(timeout=60)


@pytest.mark.parametrize("exits", ["exits", "exits_in_a_thread"])
def test_under_a_server_it_is_told_and_the_sibling_runs(tmp_path: Path, exits: str) -> None:
    """What the server makes of it is the server's affair, as without the client."""
    with Receiver() as receiver, served(receiver, tmp_path, exits) as (url, printed):
        httpx.get(url, timeout=60)
        assert printed.readline() == "the sibling\n"
        receiver.wait(lambda: receiver.events and receiver.runs and receiver.runs[-1]["state"] == "failed")
    assert [event["exception"]["type"] for event in receiver.events] == ["SystemExit"]


def test_under_a_server_a_coroutine_that_was_answered_runs(tmp_path: Path) -> None:
    """On the server's loop, before what comes after it."""
    with Receiver() as receiver, served(receiver, tmp_path, "exits") as (url, printed):
        httpx.get(f"{url}/answers", timeout=60)
        assert [printed.readline(), printed.readline()] == ["charged\n", "the sibling\n"]
        receiver.wait(lambda: receiver.runs and receiver.runs[-1]["state"] == "completed")
    assert not receiver.events
