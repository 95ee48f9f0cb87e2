"""Task runs of this process, as `GET /tasks/{id}` returns them, even if the service is unavailable."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, Literal

from notifier.client.capture import events, json_safe
from notifier.client.capture.ids import new_id

if TYPE_CHECKING:
    from notifier.client.documents import ErrorDocument, RunDocument

Status = Literal["pending", "processing", "retrying", "completed", "failed", "lost"]
LostReason = Literal["cancelled", "interrupted", "killed", "dropped"]
FINAL: Final = frozenset({"completed", "failed", "lost"})
MAX_FINISHED: Final = 10_000
RESULT_BYTES: Final = 65_536
PREVIEW_CHARS: Final = 1_000
IN_QUEUE: Final = "queue"
"""The `process_id` of a run in a queue, so that it is not lost with its previous process."""

_LOST: Final[Mapping[str, str]] = {
    "cancelled": "it was cancelled before it had ended",
    "interrupted": "its process ended while it ran",
    "killed": "its process was killed while it ran",
    "dropped": "it never started: the endpoint raised, or answered with a response that has tasks of its own",
}


class Run:
    """One execution of a task. `url` returns its status if `notifier.router` is included.

    Times are seconds since the epoch. `duration_ms` is the last attempt's. `result` is the task's own if it survives
    a round trip through JSON in 64 KiB, else `{"truncated": true, "preview"}`. `error` is `{"type", "module",
    "message"}`.
    """

    __slots__ = (
        "arguments", "attempt", "created_at", "duration_ms", "error", "finished_at", "id", "key", "max_attempts",
        "queued", "replay_of", "replayable", "result", "started_at", "status", "task", "url", "waits",
    )  # fmt: skip

    def __init__(
        self, task: str, max_attempts: int | None, *, id_: str | None = None, key: str | None = None
    ) -> None:
        self.id = id_ or new_id()
        self.task = task
        self.key = key
        self.url = ""
        self.status: Status = "pending"
        self.attempt = 1
        self.max_attempts = max_attempts
        self.created_at = time.time()
        self.started_at: float | None = None
        self.finished_at: float | None = None
        self.duration_ms: float | None = None
        self.result: Any = None
        self.error: ErrorDocument | None = None
        self.replay_of: str | None = None
        self.arguments: Mapping[str, Any] | None = None
        self.replayable = "no"
        # Whether it has not begun yet.
        self.waits = True
        # Whether it waits in an external queue, for any worker.
        self.queued = False

    @property
    def done(self) -> bool:
        return self.status in FINAL

    def as_json(self) -> dict[str, Any]:
        """The response of a status request. Times are RFC 3339."""
        return {
            "id": self.id,
            "task": self.task,
            "status": self.status,
            "attempt": self.attempt,
            "max_attempts": self.max_attempts,
            "created_at": events.as_rfc3339(self.created_at),
            "started_at": events.as_rfc3339(self.started_at),
            "finished_at": events.as_rfc3339(self.finished_at),
            "duration_ms": self.duration_ms,
            "result": self.result,
            "error": self.error,
            "replay_of": self.replay_of,
        }

    def begin(self) -> None:
        """Starts the next attempt."""
        if self.waits:
            self.waits = False
        else:
            self.attempt += 1
        self.status = "processing"
        self.started_at = time.time()
        self.finished_at = None

    def end(self, status: Status, *, result: object = None, error: ErrorDocument | None = None) -> None:
        """Ends an attempt. The status `retrying` means that another follows."""
        now = time.time()
        self.status = status
        self.finished_at = now
        if self.started_at is not None:
            self.duration_ms = round((now - self.started_at) * 1000, 3)
        self.error = error
        if result is not None:
            self.result = stored_result(result)

    def lose(self, reason: LostReason) -> None:
        """Marks the run as lost: its result will never be known."""
        self.end("lost", error={"type": "TaskLost", "message": _LOST[reason], "reason": reason})

    def change(self, service: str, environment: str) -> RunDocument:
        """The current state for the service, with times as numbers."""
        document: RunDocument = {
            "id": self.id,
            "task": self.task,
            "service": service,
            "environment": environment,
            "state": self.status,
            "attempt": self.attempt,
            "max_attempts": self.max_attempts,
            "queued_at": self.created_at,
            "started_at": self.started_at,
            "finished_at": self.finished_at,
            "duration_ms": self.duration_ms,
            "result": self.result,
            "error": self.error,
            "key": self.key,
            "replay_of": self.replay_of,
            "arguments": self.arguments,
            "replayable": self.replayable,
        }
        if self.queued and not self.done:
            document["process_id"] = IN_QUEUE
        return document


def stored_result(result: Any) -> Any:
    """A result as it is stored: JSON unchanged, everything else and what is too large as a marked preview."""
    if json_safe.is_json(result, budget=RESULT_BYTES):
        return result
    return {"truncated": True, "preview": json_safe.plain(result, budget=PREVIEW_CHARS)}


class RunRegistry:
    """The last 10,000 finished runs, and all unfinished ones. Thread-safe without a lock.

    Every step is one operation on a dictionary or a deque, which is atomic in CPython.
    """

    def __init__(self) -> None:
        self._runs: dict[str, Run] = {}
        self._keys: dict[tuple[str, str], Run] = {}
        self._unfinished: dict[str, Run] = {}
        self._finished: deque[Run] = deque()

    def add(self, run: Run) -> None:
        self._runs[run.id] = run
        self._unfinished[run.id] = run
        if run.key is not None:
            self._keys[run.task, run.key] = run

    def finish(self, run: Run) -> None:
        """Records the end of a run, which may be forgotten from now on."""
        if self._unfinished.pop(run.id, None) is None:
            return
        self._finished.append(run)
        if len(self._finished) > MAX_FINISHED:
            self._forget(self._finished.popleft())

    def release(self, run: Run) -> None:
        """Removes an unfinished run that no longer belongs to this process."""
        if self._unfinished.pop(run.id, None) is not None:
            self._forget(run)

    def get(self, id_: str) -> Run | None:
        return self._runs.get(id_)

    def find_by_key(self, task: str, key: str) -> Run | None:
        """The unfinished or completed run with a key. None if there is none, or it failed or was lost."""
        run = self._keys.get((task, key))
        return None if run is None or run.status in {"failed", "lost"} else run

    def unfinished(self) -> list[Run]:
        return list(self._unfinished.values())

    def _forget(self, run: Run) -> None:
        self._runs.pop(run.id, None)
        if run.key is not None and self._keys.get((run.task, run.key)) is run:
            self._keys.pop((run.task, run.key), None)
