"""Task runs, the results of reported changes, and requests to a process."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import AliasChoices, Field

from notifier.api.models.responses_base import Moment, NextCursor, ResponseModel
from notifier.domain.task_run import Replayable, RunState


class TaskRunAnswer(ResponseModel):
    """An execution of a background task. Times and duration describe its last attempt."""

    id: str
    task: str
    service: str
    state: RunState
    attempt: int
    max_attempts: int | None
    started_at: Moment | None = Field(validation_alias=AliasChoices("began_at", "started_at"))
    finished_at: Moment | None
    duration_ms: float | None
    result: Any = Field(description="Any JSON. A result over 64 KiB is truncated and marked so.")
    error: dict[str, Any] | None = Field(description="The last error. A lost run's has a `reason`.")
    incident_id: str | None = Field(description="The newest incident with an event of this run.")
    replay_of: str | None


class TaskRunList(ResponseModel):
    items: list[TaskRunAnswer]
    next_cursor: NextCursor


class ChangeResult(ResponseModel):
    """The result of one change. A rejected one has its `index` and `error`, and no id."""

    id: str | None = None
    status: Literal["accepted", "rejected"]
    warnings: list[str] = Field(default=[])
    index: int | None = None
    error: str | None = None


class ChangeResults(ResponseModel):
    results: list[ChangeResult]


class ReplayAnswer(ResponseModel):
    """A replay for this process: run the task `task` with these arguments, under the id `id`."""

    id: str
    replay_of: str | None
    task: str
    key: str | None
    arguments: dict[str, Any]


class HeartbeatAnswer(ResponseModel):
    replay: list[ReplayAnswer] = Field(description="Repeated with every heartbeat until the run has started.")
    interval: int = Field(description="Seconds until the next heartbeat.")


class DeadRunAnswer(TaskRunAnswer):
    """A failed or lost run; `at` is when it ended."""

    kind: Literal["task_run"] = "task_run"
    at: Moment = Field(validation_alias=AliasChoices("died_at", "at"))
    project: str
    arguments: dict[str, Any] | None = Field(description="Null if the task does not allow storing them.")
    replayable: Replayable = Field(
        description="`yes`; `no`: the task is not declared replayable; `touched`: scrubbing changed its arguments."
    )
