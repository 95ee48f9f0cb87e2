"""An application under a real uvicorn, called by a person: what it did and reported, as JSON on the last line.

Run on the oldest FastAPI that is supported and on the newest; nothing but FastAPI, uvicorn and httpx is installed.
"""

from __future__ import annotations

import json
import threading
import time
from typing import Any

import fastapi
import httpx
import uvicorn
from fastapi import BackgroundTasks, FastAPI, HTTPException
from starlette.middleware.base import BaseHTTPMiddleware

from notifier.client import MemoryTransport, Notifier, Tasks

memory = MemoryTransport()
notifier = Notifier("billing", transport=memory)
done: list[str] = []


def fails(name: str) -> None:
    raise ValueError(name)


async def works(name: str) -> None:
    done.append(name)


async def refuses() -> None:
    raise HTTPException(403)


@notifier.task(retries=1, backoff=0.0)
async def tracked() -> None:
    raise KeyError("tracked")


async def through(request: Any, call_next: Any) -> Any:
    return await call_next(request)


def make(order: str) -> FastAPI:
    """`order` is when the application is instrumented, and when another middleware is added."""
    app = FastAPI()
    for step in order.split():
        if step == "instrument":
            notifier.instrument(app)
        else:
            app.add_middleware(BaseHTTPMiddleware, dispatch=through)
    app.include_router(notifier.router)

    @app.post("/siblings")
    def siblings(tasks: BackgroundTasks) -> None:
        tasks.add_task(fails, "first")
        tasks.add_task(works, "second")

    @app.post("/refuses")
    def forbidden(tasks: BackgroundTasks) -> None:
        tasks.add_task(refuses)

    @app.post("/tracked")
    def schedule(tasks: Tasks) -> str:
        return tasks.add(tracked).url

    @app.get("/orders/{id}")
    def raises(id: int) -> None:  # noqa: A002
        raise LookupError(id)

    return app


def call(http: httpx.Client, method: str, path: str) -> dict[str, Any]:
    memory.events.clear()
    done.clear()
    answer = http.request(method, path)
    deadline = time.monotonic() + 60
    while not memory.events and time.monotonic() < deadline:
        time.sleep(0.01)
    time.sleep(0.05)
    events = [
        [one["exception"]["type"], one.get("task", {}).get("name"), one["context"]["request"]["route"]]
        for one in memory.events
    ]
    told: dict[str, Any] = {"answer": answer.status_code, "done": list(done), "events": events}
    if path == "/tracked":
        told["state"] = http.get(answer.json()).json()["status"]
    return told


def serve(order: str) -> dict[str, Any]:
    server = uvicorn.Server(uvicorn.Config(make(order), port=0, log_level="critical"))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=10) as http:
        calls = (("POST", "/siblings"), ("POST", "/refuses"), ("POST", "/tracked"), ("GET", "/orders/3"))
        told = {path: call(http, method, path) for method, path in calls}
    server.should_exit = True
    thread.join()
    return told


if __name__ == "__main__":
    orders = ("instrument", "instrument other", "other instrument")
    print(json.dumps({"version": fastapi.__version__, "told": {order: serve(order) for order in orders}}))
