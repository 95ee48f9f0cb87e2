"""Task runs, the results of reported changes, and requests to a process."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import AliasChoices, Field

from notifier.api.models.responses_base import Moment, NextCursor, ResponseModel
from notifier.domain.task_run import Replayable, RunState


class TaskRunAnswer(ResponseModel):
    """One execution of a background task. Times and duration are of its last attempt."""

    id: str
    task: str
    service: str
    state: RunState
    attempt: int
    max_attempts: int | None
    started_at: Moment | None = Field(validation_alias=AliasChoices("began_at", "started_at"))
    finished_at: Moment | None
    duration_ms: float | None
    result: Any = Field(description="Any JSON; over 64 KiB it is cut, and says so.")
    error: dict[str, Any] | None = Field(description="Of a lost run it has a `reason`.")
    incident_id: str | None = Field(description="The newest incident that counts an event of it.")
    replay_of: str | None


class TaskRunList(ResponseModel):
    items: list[TaskRunAnswer]
    next_cursor: NextCursor


class ChangeResult(ResponseModel):
    """The outcome of one change; a rejected one has its `index` and the `error`, and no id."""

    id: str | None = None
    status: Literal["accepted", "rejected"]
    warnings: list[str] = Field(default=[])
    index: int | None = None
    error: str | None = None


class ChangeResults(ResponseModel):
    results: list[ChangeResult]


class ReplayAnswer(ResponseModel):
    """A run that the process is asked for: the task `task` with these arguments, under the id `id`."""

    id: str
    replay_of: str | None
    task: str
    key: str | None
    arguments: dict[str, Any]


class HeartbeatAnswer(ResponseModel):
    replay: list[ReplayAnswer] = Field(
        description="Given again with every heartbeat until the run is known to have begun."
    )
    interval: int = Field(description="Seconds until the next heartbeat is wanted.")


class DeadRunAnswer(TaskRunAnswer):
    """A failed or lost run; `at` is when it ended."""

    kind: Literal["task_run"] = "task_run"
    at: Moment = Field(validation_alias=AliasChoices("died_at", "at"))
    project: str
    arguments: dict[str, Any] | None = Field(description="Where its task allows them to be kept.")
    replayable: Replayable = Field(
        description="`yes`; `no`, for its task was not declared so; `touched`: its arguments are not what they were."
    )
