"""A task run: one execution of a background task, and the changes of its life that a client reports."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Literal

from notifier.domain.time import Instant


class RunState(StrEnum):
    """Where a run stands; the last three are final, though a client's word overrides `lost`."""

    PENDING = "pending"
    PROCESSING = "processing"
    RETRYING = "retrying"
    COMPLETED = "completed"
    FAILED = "failed"
    LOST = "lost"

    @property
    def final(self) -> bool:
        return self in {RunState.COMPLETED, RunState.FAILED, RunState.LOST}


DeadLetterState = Literal["waiting", "replayed", "recovered", "discarded"]
"""What has become of a failed or lost run as a dead letter; `waiting` for a person is the only one that is listed."""


class Replayable(StrEnum):
    """Whether a run can be asked for again: its task said so and its arguments are what they were."""

    NO = "no"
    YES = "yes"
    TOUCHED = "touched"  # scrubbing or truncation changed the arguments


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskRun:
    """One run, as the newest change says.

    `duration_ms` is the last attempt's, in milliseconds. `error` is `{"type", "module", "message", ...}`, with `reason`
    (`cancelled`, `interrupted`, `killed`) where the run was lost. `key` makes it idempotent at its client.
    `arguments` is `{"args": [...], "kwargs": {...}}` where its task allows them to be kept. `process` is the process
    that runs it: when that one dies, the run is lost.
    """

    project: str
    id: str
    task: str
    service: str
    environment: str
    state: RunState
    attempt: int
    max_attempts: int | None = None
    created_at: Instant
    started_at: Instant | None = None
    finished_at: Instant | None = None
    duration_ms: float | None = None
    result: Any = None
    error: Mapping[str, Any] | None = None
    key: str | None = None
    process: str | None = None
    replay_of: str | None = None
    arguments: Mapping[str, Any] | None = None
    replayable: Replayable = Replayable.NO
    incident_id: str | None = None

    @property
    def began_at(self) -> Instant | None:
        """The start of the last attempt, never after its end: the two are reckoned from two requests."""
        if self.started_at is None or self.finished_at is None:
            return self.started_at
        return min(self.started_at, self.finished_at)

    @property
    def died_at(self) -> Instant:
        """When a failed or lost run became a dead letter."""
        return self.created_at if self.finished_at is None else self.finished_at
