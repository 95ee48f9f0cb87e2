"""Replays: runs that a person requested, received with a heartbeat's response and executed here."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Mapping
from types import CoroutineType
from typing import Any

from notifier.client.options import log
from notifier.client.tasks.definition import TaskDefinition
from notifier.client.tasks.runs import Run
from notifier.client.tasks.tracking import RunTracker


class Replays:
    """The tasks that can be replayed in this process. Coroutine functions run on `loop`."""

    def __init__(self, tracker: RunTracker) -> None:
        self._tracker = tracker
        self._tasks: dict[str, TaskDefinition] = {}
        self.loop: asyncio.AbstractEventLoop | None = None

    def register(self, task: TaskDefinition) -> None:
        """Registers a task that was declared with `replay=True`."""
        if task.replay:
            self._tasks[task.name] = task

    def names(self) -> list[str]:
        """Tasks that can run now. Coroutine functions need the application's event loop."""
        return [task.name for task in list(self._tasks.values()) if not task.is_async or self._running()]

    def start(self, order: Mapping[str, Any]) -> None:
        """Executes a replay under the id from the service. Called on the client's thread; never raises."""
        task = self._tasks.get(str(order.get("task")))
        repeated = self._tracker.runs.get(str(order.get("id"))) is not None
        if task is None or repeated or (task.is_async and not self._running()):
            return
        call = order.get("arguments") or {}
        args, kwargs = tuple(call.get("args", ())), dict(call.get("kwargs", {}))
        run = task.new_run(args, kwargs, key=order.get("key"))
        run.id, run.replay_of = str(order["id"]), order.get("replay_of")
        self._tracker.register(run)
        self._launch(task, run, args, kwargs)

    def _launch(
        self, task: TaskDefinition, run: Run, args: tuple[Any, ...], kwargs: Mapping[str, Any]
    ) -> None:
        call = self._tracker.started(task, run, args, kwargs)
        if task.is_async and self.loop is not None:
            asyncio.run_coroutine_threadsafe(_run_coroutine(call), self.loop)
        else:
            threading.Thread(
                target=_logging_errors, args=(call, self.loop), name="notifier-replay", daemon=True
            ).start()

    def _running(self) -> bool:
        return self.loop is not None and self.loop.is_running()


async def _run_coroutine(call: Any) -> None:
    try:
        await call()
    except Exception as error:  # noqa: BLE001 - already reported; nothing awaits it
        log.info("a run that was asked for again failed: %s", type(error).__name__)


def _logging_errors(call: Any, loop: asyncio.AbstractEventLoop | None) -> None:
    try:
        result = call()
        if type(result) is CoroutineType and loop is not None and loop.is_running():
            asyncio.run_coroutine_threadsafe(result, loop).result()
        elif type(result) is CoroutineType:
            asyncio.run(result)
    except Exception as error:  # noqa: BLE001 - as above
        log.info("a run that was asked for again failed: %s", type(error).__name__)
