"""The application of the client's rows, served by uvicorn: `python -m tests.bench.application SUBJECT SINK_PORT`.

SUBJECT is `bare`, `notifier`, `sentry` or `taskflow`; each is set up as its own documentation says, and reports to
SINK_PORT on loopback. Prints its port.
"""

from __future__ import annotations

import resource
import socket
import sys
import time
from collections.abc import Awaitable, Callable
from typing import Any

import uvicorn
from fastapi import BackgroundTasks, FastAPI

Capture = Callable[[BaseException], object]


async def work(order: int) -> None:
    """A task that succeeds and does nothing else."""


def bare(app: FastAPI, _sink: str) -> tuple[Callable[[int], Awaitable[None]], Capture]:
    return work, lambda error: error


def notifier(app: FastAPI, sink: str) -> tuple[Callable[[int], Awaitable[None]], Capture]:
    from notifier.client import Notifier  # noqa: PLC0415

    made = Notifier("bench", url=sink, key="ntf_" + "0" * 40)
    made.instrument(app)
    return made.task(retries=3)(work), made.report


def sentry(app: FastAPI, sink: str) -> tuple[Callable[[int], Awaitable[None]], Capture]:
    import sentry_sdk  # noqa: PLC0415 - the group `bench` alone has it

    address = sink.removeprefix("http://")
    sentry_sdk.init(dsn=f"http://{'0' * 32}@{address}/1", traces_sample_rate=1.0)
    return work, sentry_sdk.capture_exception


def taskflow(app: FastAPI, _sink: str) -> tuple[Callable[[int], Awaitable[None]], Capture]:
    from fastapi_taskflow import TaskAdmin, TaskManager  # noqa: PLC0415 - the group `bench` alone has it

    manager = TaskManager()
    TaskAdmin(app, manager, auto_install=True)
    decorated: Any = manager.task(retries=3)(work)
    return decorated, lambda error: error


SUBJECTS = {"bare": bare, "notifier": notifier, "sentry": sentry, "taskflow": taskflow}


def make(subject: str, sink: str) -> FastAPI:
    """`POST /task` runs one task; `POST /captures/{n}` captures exceptions and says what that took."""
    made: dict[str, Any] = {}
    # Sentry's integration must be set up before the application.
    app = FastAPI() if subject != "sentry" else None
    task, capture = SUBJECTS[subject](app or FastAPI(), sink)
    app = app or FastAPI()
    made["task"] = task

    @app.post("/task")
    async def schedule(tasks: BackgroundTasks) -> dict[str, str]:
        tasks.add_task(made["task"], 42)
        return {"status": "accepted"}

    @app.post("/captures/{count}")
    async def captures(count: int) -> dict[str, float]:
        took = 0.0
        for number in range(count):
            error = fails(number)
            started = time.perf_counter()
            capture(error)
            took += time.perf_counter() - started
        return {"seconds": took, "megabytes": resident()}

    return app


def fails(number: int, depth: int = 10) -> BaseException:
    """An exception with a stack of this depth."""
    try:
        _deeper(number, depth)
    except TimeoutError as error:
        return error
    raise AssertionError


def _deeper(number: int, depth: int) -> None:
    if depth:
        _deeper(number, depth - 1)
    raise TimeoutError(f"upstream timed out for order {number}")


def resident() -> float:
    """The peak memory of this process in megabytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000


def main() -> None:
    subject, sink = sys.argv[1:]
    listener = socket.create_server(("127.0.0.1", 0))
    print(listener.getsockname()[1], flush=True)
    app = make(subject, f"http://127.0.0.1:{sink}")
    uvicorn.Server(uvicorn.Config(app, log_level="critical", timeout_keep_alive=600)).run(sockets=[listener])


if __name__ == "__main__":
    main()
