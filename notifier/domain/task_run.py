"""A task run: one execution of a background task, as its client reports it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Literal

from notifier.domain.time import Instant


class RunState(StrEnum):
    """The state of a run. The last three are final, though a client's report overrides `lost`."""

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
"""The state of a failed or lost run as a dead letter. Only those that are `waiting` for a person are listed."""


class Replayable(StrEnum):
    """Whether a run can be replayed: its task allows it, and its arguments are stored unchanged."""

    NO = "no"
    YES = "yes"
    TOUCHED = "touched"  # The arguments were scrubbed or truncated.


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskRun:
    """One run, as of its newest change.

    `duration_ms` is the duration of the last attempt in milliseconds. `error` is `{"type", "module", "message",
    ...}`, with `reason` (`cancelled`, `interrupted`, `killed`) if the run was lost. `key` is the client's idempotency
    key. `arguments` is `{"args": [...], "kwargs": {...}}` if the task allows storing them. `process` is the process
    that executes the run: when the process dies, the run is lost.
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
        """The start of the last attempt, never after its end, since the two come from different requests."""
        if self.started_at is None or self.finished_at is None:
            return self.started_at
        return min(self.started_at, self.finished_at)

    @property
    def died_at(self) -> Instant:
        """When a failed or lost run became a dead letter."""
        return self.created_at if self.finished_at is None else self.finished_at
