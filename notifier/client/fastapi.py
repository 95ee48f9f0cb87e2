"""For FastAPI applications: `tasks: Tasks` in an endpoint, and `GET /tasks/{id}`."""

from __future__ import annotations

import functools
from collections.abc import Callable, Coroutine
from typing import Annotated, Any, ParamSpec, overload

from fastapi import APIRouter, BackgroundTasks, Depends, Request
from fastapi.responses import JSONResponse
from starlette.concurrency import run_in_threadpool
from starlette.routing import NoMatchFound

from notifier.client.capture.middleware import KEY
from notifier.client.tasks import definition
from notifier.client.tasks.execution import Execution
from notifier.client.tasks.runs import Run
from notifier.client.tasks.tracking import RunTracker

P = ParamSpec("P")

ROUTE = "notifier_task_status"
RUNS = "notifier.runs"


class TaskRunner:
    """Schedules background tasks of one request. They start after its response has been sent."""

    def __init__(self, tracker: RunTracker, request: Request, background: BackgroundTasks) -> None:
        self._tracker = tracker
        self._request = request
        self._background = background

    @overload
    def add(self, function: Callable[P, object], /, *args: P.args, **kwargs: P.kwargs) -> Run: ...
    # Used if `key` prevents the first overload from matching; no signature can express "P, and a key".
    @overload
    def add(self, function: Callable[..., object], /, *args: Any, key: str, **kwargs: Any) -> Run: ...  # type: ignore[overload-cannot-match]
    def add(self, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Run:
        """Runs a function in the background, decorated or not. The run's `id` and `url` are available at once.

        With a `key`, a run of the same task and key that is unfinished or has completed in this process is returned
        instead of a new one; after a failed or lost run a new one is started. If the function has a parameter named
        `key`, it is passed to the function.
        """
        tracker = self._tracker
        key = kwargs.pop("key", None) if "key" in kwargs and not definition.has_key(function) else None
        called, all_args, all_kwargs = definition.unwrapped_call(function, args, kwargs)
        task = definition.of(called)
        surrounded = task is not None and not definition.is_task_call(called, task)
        if task is not None:
            args, kwargs = all_args, all_kwargs
        else:
            task = definition.describe(function)
        run = task.new_run(args, kwargs, key)
        find_by_key = None if run.key is None else tracker.runs.find_by_key(task.name, run.key)
        if find_by_key is not None:
            return find_by_key
        run.url = status_path(self._request, run.id)
        tracker.register(run)
        self._request.scope.setdefault(RUNS, []).append(run)
        if surrounded:
            self._background.add_task(
                _surrounded(tracker, called, Execution(tracker, task, run, args, kwargs))
            )
        else:
            self._background.add_task(tracker.started(task, run, args, kwargs))
        return run


def _surrounded(tracker: RunTracker, function: Callable[..., Any], steps: Execution) -> Callable[[], Any]:
    """A coroutine function that calls a wrapper around a task. The run is the wrapper's call of the task.

    If the wrapper does not call the task, the run has the wrapper's result.
    """

    async def start() -> Any:
        with tracker.expecting(steps.run):
            try:
                result = await _result(functools.partial(function, *steps.args, **steps.kwargs))
            except Exception as error:
                if steps.run.waits:
                    steps.begin()
                    steps.fail(error, final=True)
                raise
        if steps.run.waits:
            steps.begin()
            steps.completed(result)
        return result

    definition.attach(start, steps.task)
    return start


async def _result(call: Callable[[], Any]) -> Any:
    result = await (call() if definition.is_async(call) else run_in_threadpool(call))
    return await result if isinstance(result, Coroutine) else result


def runner(request: Request, background: BackgroundTasks) -> TaskRunner:
    """The dependency. Raises `RuntimeError` if the application is not instrumented."""
    notifier = request.scope.get(KEY)
    if notifier is None:
        raise RuntimeError("`tasks: Tasks` needs the middleware: call notifier.instrument(app) once")
    return TaskRunner(notifier.tracker, request, background)


Tasks = Annotated[TaskRunner, Depends(runner)]
"""Declares the parameter of an endpoint: `tasks: Tasks`."""


def status_path(request: Request, id_: str) -> str:
    """The path of a run's status in this application. Not a URL, because the request's host is not trustworthy."""
    try:
        path = str(request.app.url_path_for(ROUTE, id=id_))
    except NoMatchFound:
        path = f"/tasks/{id_}"
    return str(request.scope.get("root_path", "")).rstrip("/") + path


def status_router(tracker: RunTracker) -> APIRouter:
    """`GET /tasks/{id}`: the status from this process, else from the service for other and earlier processes."""
    router = APIRouter(tags=["tasks"])

    @router.get("/tasks/{id}", name=ROUTE, response_model=None)
    async def task_status(id: str) -> JSONResponse:  # noqa: A002 - the path's name
        """How a background task goes."""
        run = tracker.runs.get(id)
        status = None if run is None else run.as_json()
        if status is None and 0 < len(id) <= 128:
            status = _of_service(await run_in_threadpool(tracker.transport.fetch_run, id))
        if status is None:
            return _unknown()
        return JSONResponse(status, headers={"cache-control": "no-store"})

    return router


def _of_service(run: dict[str, Any] | None) -> dict[str, Any] | None:
    """The service's task run in the form of `Run.as_json`."""
    if run is None:
        return None
    return {
        "id": run["id"],
        "task": run["task"],
        "status": run["state"],
        "attempt": run["attempt"],
        "max_attempts": run["max_attempts"],
        "created_at": None,
        "started_at": run["started_at"],
        "finished_at": run["finished_at"],
        "duration_ms": run["duration_ms"],
        "result": run["result"],
        "error": run["error"],
        "replay_of": run["replay_of"],
    }


def _unknown() -> JSONResponse:
    problem = {
        "type": "about:blank",
        "title": "Not Found",
        "status": 404,
        "detail": "no task run of this id is known here: it may be of another process, or forgotten by now",
    }
    return JSONResponse(problem, status_code=404, media_type="application/problem+json")
