"""The documents that leave an application, in the API's form (RULES.md#the-event).

`Captured...` types hold what was captured where a failure happened. The client's thread turns them into what is sent.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NotRequired, TypedDict

FramePlace = tuple[str, str, int, str]
"""File, function, line and module. Holds no references to the application's objects."""


class FrameDocument(TypedDict):
    """One frame of a traceback. `code` is its source line, if that can be read."""

    file: str
    function: str
    line: int
    in_app: bool
    code: NotRequired[str]


class ErrorDocument(TypedDict):
    """The error of a task run. `reason` says why a run is lost."""

    type: str
    module: NotRequired[str]
    message: str | None
    reason: NotRequired[str]


class CapturedException(TypedDict):
    """An exception and its causes, with frames that are not completed yet."""

    type: str
    module: str
    message: str
    frames: list[FramePlace]
    cause: CapturedException | None
    notes: list[str]


class ExceptionDocument(TypedDict):
    """An exception and its causes; frames are outermost first."""

    type: str
    module: str
    message: str | None
    frames: list[FrameDocument]
    cause: ExceptionDocument | None
    notes: list[str]


class TaskReference(TypedDict):
    """The task run that an event belongs to. A background task without a decorator has only a name."""

    name: str
    id: NotRequired[str]
    attempt: NotRequired[int]
    max_attempts: NotRequired[int | None]


class _Event(TypedDict):
    id: str
    service: str
    environment: str
    release: str | None
    host: str
    severity: str
    context: dict[str, Any]
    message: NotRequired[str]
    task: NotRequired[TaskReference]
    trace_id: NotRequired[str]
    fingerprint: NotRequired[list[str]]
    labels: NotRequired[dict[str, str]]
    links: NotRequired[list[dict[str, str]]]


class CapturedEvent(_Event):
    """An event as captured, before scrubbing. `timestamp` is in seconds since the epoch."""

    timestamp: float
    exception: NotRequired[CapturedException]


class EventDocument(_Event):
    """An event as it is sent."""

    timestamp: str
    exception: NotRequired[ExceptionDocument]


class RunDocument(TypedDict):
    """The current state of a task run. Times are seconds since the epoch, and RFC 3339 when sent.

    `process_id` is the process that has the run, or `queue`.
    """

    process_id: NotRequired[str]
    id: str
    task: str
    service: str
    environment: str
    state: str
    attempt: int
    max_attempts: int | None
    queued_at: float | str | None
    started_at: float | str | None
    finished_at: float | str | None
    duration_ms: float | None
    result: Any
    error: ErrorDocument | None
    key: str | None
    replay_of: str | None
    arguments: Mapping[str, Any] | None
    replayable: str


class ReportCounts(TypedDict):
    """Counts of a process's reports, as sent in a heartbeat."""

    captured: int
    sent: int
    spooled: int
    dropped: dict[str, int]


class HeartbeatDocument(TypedDict):
    """A process's heartbeat. `ended` is set in the last one."""

    process_id: str
    service: str
    running: Sequence[str]
    tasks: Sequence[str]
    reports: ReportCounts
    ended: NotRequired[bool]
