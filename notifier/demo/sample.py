"""A sample application to copy from: a shop with background tasks whose failures are reported.

NOTIFIER_URL=http://127.0.0.1:8000 NOTIFIER_KEY=ntf_... uvicorn notifier.demo.sample:app
"""

from __future__ import annotations

import asyncio
import logging
import time
from pathlib import Path
from typing import Any

from fastapi import APIRouter, BackgroundTasks, FastAPI, HTTPException, Request, Response

from notifier.client import Notifier, Run, Tasks
from notifier.demo import trouble
from notifier.demo.dashboard import show
from notifier.demo.uploads import LimitedRoute, Upload

logger = logging.getLogger(__name__)

app = FastAPI(title="Sample application")
notifier = Notifier(service="shop")  # NOTIFIER_URL and NOTIFIER_KEY configure it
notifier.instrument(app)  # reports every unhandled error, including those of background tasks


# FastAPI's own background tasks: the client has its answer already, and an exception is reported all the
# same.


@notifier.task(store_args=True, replay=True)
def process_item(item_id: int) -> None:
    try:
        pack(item_id)
    except ValueError:
        logger.exception("item %d was not processed", item_id)
        raise  # logged and raised: still one report


def pack(item_id: int) -> None:
    if item_id % 2:
        raise ValueError(f"item {item_id} is odd, and odd items fit into no box")


@app.post("/items/{item_id}/process", status_code=202)
async def process_one_item(item_id: int, background_tasks: BackgroundTasks) -> dict[str, str]:
    """Odd items fail."""
    background_tasks.add_task(process_item, item_id)
    return {"message": f"item {item_id} is being processed"}


# A call that may succeed later: four attempts, after 0.5 s, 1 s and 2 s. `tasks.add` returns a run with an
# id.


class Upstream:
    """A remote service that fails at its first calls."""

    def __init__(self, *, bad_calls: int) -> None:
        self._bad_calls = bad_calls

    async def fetch(self) -> int:
        await asyncio.sleep(0.1)
        self._bad_calls -= 1
        if self._bad_calls >= 0:
            raise ConnectionError("the upstream is too busy to answer")
        return 42


@notifier.task(retries=3, backoff=0.5, retry_on=ConnectionError, timeout=10, alert="every_failure")
async def process_data(upstream: Upstream) -> dict[str, int]:
    return {"processed": await upstream.fetch()}


@app.post("/process-data", status_code=202)
async def process_the_data(tasks: Tasks, fail: bool = False) -> dict[str, str]:
    """Fails twice, then succeeds; with `?fail=true` it fails for good."""
    run = tasks.add(process_data, Upstream(bad_calls=1_000 if fail else 2))
    return {"task_id": run.id, "status_url": status_url(run)}


# A critical task: the service's routes can notify people differently for `critical` than for `error`.


@notifier.task(severity="critical")
async def process_user(user_id: int) -> dict[str, int]:
    if user_id < 0:
        raise LookupError(f"there is no account for user {user_id}")
    return {"user_id": user_id}


@app.post("/users/{user_id}/process", status_code=202)
async def process_one_user(user_id: int, tasks: Tasks) -> dict[str, str]:
    """Negative ids fail."""
    run = tasks.add(process_user, user_id)
    return {"task_id": run.id, "status_url": status_url(run)}


# A long task, and its progress.


@notifier.task
async def create_report(seconds: int) -> dict[str, int]:
    await asyncio.sleep(seconds)
    notifier.message("a long report is ready", context={"seconds": seconds})
    return {"seconds": seconds}


@app.post("/create-task/{seconds}", status_code=202)
async def create_task(seconds: int, tasks: Tasks) -> dict[str, str]:
    """A task that takes 1 to 30 seconds."""
    if not 1 <= seconds <= 30:
        raise HTTPException(400, "a task takes from 1 to 30 seconds")
    run = tasks.add(create_report, seconds)
    return {"task_id": run.id, "status_url": status_url(run)}


@app.get("/task-status/{task_id}")
async def task_status(task_id: str) -> dict[str, Any]:
    """The state of a task: `pending`, `processing`, `retrying`, `completed`, `failed` or `lost`."""
    run = notifier.run(task_id)
    if run is None:
        raise HTTPException(404, "there is no task of this id")
    return run.as_json()


def status_url(run: Run) -> str:
    return app.url_path_for("task_status", task_id=run.id)


# An upload. `Upload` validates it and always removes the temporary file. The task is a plain function, which
# FastAPI runs in a thread, so that the event loop stays free. After the last failed attempt it is a dead
# letter of the service.

uploads = APIRouter(route_class=LimitedRoute)


@notifier.task(retries=2, backoff=0.5, retry_on=ConnectionError)
def import_file(path: Path) -> dict[str, int]:
    lines = path.read_text("utf-8").splitlines()
    for line in lines:
        store(line)
    return {"lines": len(lines)}


def store(line: str) -> None:
    """Store a line in a slow warehouse."""
    time.sleep(0.01)
    if line.startswith("fail"):
        raise ConnectionError("the warehouse does not answer")


@uploads.post("/upload-file/", status_code=202)
async def upload_file(path: Upload, tasks: Tasks) -> dict[str, str]:
    """Import a .csv or .txt file in UTF-8, up to a megabyte. A line that begins with `fail` fails."""
    run = tasks.add(import_file, path)
    return {"process_id": run.id, "status_url": app.url_path_for("process_status", process_id=run.id)}


@uploads.get("/process-status/{process_id}")
async def process_status(process_id: str) -> dict[str, Any]:
    run = notifier.run(process_id)
    if run is None:
        raise HTTPException(404, "there is no upload of this id")
    return run.as_json()


app.include_router(uploads)
app.include_router(trouble.router(notifier))


@app.get("/dashboard")
async def dashboard(request: Request) -> Response:
    """The service's statistics of the tasks: a page, or JSON with `Accept: application/json`."""
    return await show(request, url=notifier.options.url, key=notifier.options.key)
