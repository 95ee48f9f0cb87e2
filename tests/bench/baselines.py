"""The two Python baselines, as a process: `python -m tests.bench.baselines bare|validating` prints its port.

`bare` is the maximum of uvicorn with httptools and uvloop: it reads the body and answers 202. `validating` is a FastAPI
endpoint that only validates the event.
"""

from __future__ import annotations

import socket
import sys
from collections.abc import Awaitable, Callable, MutableMapping
from datetime import datetime
from typing import Any, Literal

import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel, Field

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


async def bare(_scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
    while (await receive()).get("more_body", False):
        pass
    headers = [(b"content-type", b"application/json"), (b"content-length", b"2")]
    await send({"type": "http.response.start", "status": 202, "headers": headers})
    await send({"type": "http.response.body", "body": b"{}"})


class Frame(BaseModel):
    file: str
    function: str | None = None
    line: int | None = None
    code: str | None = None
    in_app: bool = False


class Raised(BaseModel):
    type: str
    module: str | None = None
    message: str | None = None
    frames: list[Frame] = []
    cause: Raised | None = None
    notes: list[str] = []


class Task(BaseModel):
    id: str | None = None
    name: str
    attempt: int | None = None
    max_attempts: int | None = None


class Link(BaseModel):
    title: str
    url: str


class Event(BaseModel):
    id: str | None = Field(default=None, max_length=128)
    timestamp: datetime | None = None
    service: str
    environment: str = "production"
    release: str | None = None
    host: str | None = None
    severity: Literal["critical", "error", "warning", "info"] = "error"
    message: str | None = None
    exception: Raised | None = None
    task: Task | None = None
    labels: dict[str, str | int | float | bool] = {}
    context: dict[str, Any] = {}
    trace_id: str | None = None
    fingerprint: list[str] | None = None
    links: list[Link] = []
    status: Literal["firing", "resolved"] = "firing"


def validating() -> FastAPI:
    app = FastAPI()

    @app.post("/v1/events", status_code=202)
    async def one(event: Event) -> dict[str, str | None]:
        return {"id": event.id}

    @app.post("/v1/batches", status_code=202)
    async def many(events: list[Event]) -> dict[str, int]:
        return {"events": len(events)}

    return app


def main(name: str) -> None:
    listener = socket.create_server(("127.0.0.1", 0), backlog=2048)
    print(listener.getsockname()[1], flush=True)
    app: Any = bare if name == "bare" else validating()
    config = uvicorn.Config(
        app,
        http="httptools",
        loop="uvloop",
        lifespan="off",
        access_log=False,
        log_level="warning",
        timeout_graceful_shutdown=1,
    )
    uvicorn.Server(config).run(sockets=[listener])


if __name__ == "__main__":
    main(sys.argv[1])
