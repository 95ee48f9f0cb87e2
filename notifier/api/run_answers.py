"""What the API answers of task runs, as models."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, Field

from notifier.api.answers import NextCursor, moment
from notifier.domain.task_run import Replayable, RunState, TaskRun
from notifier.domain.time import rfc3339
from notifier.ingest.run_intake import Replay


class TaskRunAnswer(BaseModel):
    """One execution of a background task. Times and duration are of its last attempt."""

    id: str
    task: str
    service: str
    state: RunState
    attempt: int
    max_attempts: int | None
    started_at: str | None
    finished_at: str | None
    duration_ms: float | None
    result: Any = Field(description="Any JSON; over 64 KiB it is cut, and says so.")
    error: dict[str, Any] | None = Field(description="Of a lost run it has a `reason`.")
    incident_id: str | None = Field(description="The newest incident that counts an event of it.")
    replay_of: str | None

    @staticmethod
    def of(run: TaskRun) -> TaskRunAnswer:
        return TaskRunAnswer(**_fields(run))


class TaskRunList(BaseModel):
    items: list[TaskRunAnswer]
    next_cursor: NextCursor


class DeadRunAnswer(TaskRunAnswer):
    """A failed or lost run; `at` is when it ended."""

    kind: Literal["task_run"] = "task_run"
    at: str
    project: str
    arguments: dict[str, Any] | None = Field(description="Where its task allows them to be kept.")
    replayable: Replayable = Field(
        description="`yes`; `no`, for its task was not declared so; `touched`: its arguments are not what they were."
    )

    @staticmethod
    def of(run: TaskRun) -> DeadRunAnswer:
        ended = run.created_at if run.finished_at is None else run.finished_at
        return DeadRunAnswer(
            **_fields(run),
            at=rfc3339(ended),
            project=run.project,
            arguments=None if run.arguments is None else dict(run.arguments),
            replayable=run.replayable,
        )


class ChangeResult(BaseModel):
    """What became of one change; a rejected one has its `index` and the `error`, and no id."""

    id: str | None = None
    status: Literal["accepted", "rejected"]
    warnings: list[str] = []
    index: int | None = None
    error: str | None = None


class ChangeResults(BaseModel):
    results: list[ChangeResult]


class ReplayAnswer(BaseModel):
    """A run that the process is asked for: the task `task` with these arguments, under the id `id`."""

    id: str
    replay_of: str | None
    task: str
    key: str | None
    arguments: dict[str, Any]

    @staticmethod
    def of(one: Replay) -> ReplayAnswer:
        return ReplayAnswer(
            id=one.id, replay_of=one.replay_of, task=one.task, key=one.key, arguments=dict(one.arguments)
        )


class HeartbeatAnswer(BaseModel):
    replay: list[ReplayAnswer] = Field(
        description="Given again with every heartbeat until the run is known to have begun."
    )
    interval: int = Field(description="Seconds until the next heartbeat is wanted.")


def _fields(run: TaskRun) -> dict[str, Any]:
    started = run.started_at
    # Reckoned from two requests, a short attempt may seem to have ended before it began.
    if started is not None and run.finished_at is not None:
        started = min(started, run.finished_at)
    return {
        "id": run.id,
        "task": run.task,
        "service": run.service,
        "state": run.state,
        "attempt": run.attempt,
        "max_attempts": run.max_attempts,
        "started_at": moment(started),
        "finished_at": moment(run.finished_at),
        "duration_ms": run.duration_ms,
        "result": run.result,
        "error": None if run.error is None else dict(run.error),
        "incident_id": run.incident_id,
        "replay_of": run.replay_of,
    }
