"""A monitor: a job that checks in, so that its silence is noticed."""

from __future__ import annotations

from typing import Literal, get_args

from notifier.domain.severity import Severity
from notifier.domain.time import MINUTE, Duration, Instant
from notifier.domain.value import Value

CheckInStatus = Literal["ok", "in_progress", "error"]
"""The status of a check-in: the job has succeeded, has begun, or has failed."""

CHECK_IN_STATUSES: tuple[CheckInStatus, ...] = get_args(CheckInStatus)

MonitorTrouble = Literal["missed", "overran", "error"]
"""Why a monitor has an incident: it did not check in, did not finish in time, or failed."""

MonitorState = Literal["ok", "in_progress", "error", "missed", "overran"]

GRACE_DEFAULT: Duration = 5 * MINUTE


class MonitorSchedule(Value, frozen=True, kw_only=True):
    """When a job is expected: `every` milliseconds after the last time, or by `cron` in the time zone `zone`.

    `grace` is the delay allowed for a check-in, `longest` the time allowed between its begin and its end.
    """

    every: Duration | None = None
    cron: str | None = None
    zone: str = "UTC"
    grace: Duration = GRACE_DEFAULT
    longest: Duration | None = None


class DeclaredMonitor(Value, frozen=True, kw_only=True):
    """A monitor declared in a configuration."""

    schedule: MonitorSchedule
    severity: Severity | None = None


class CheckIn(Value, frozen=True, kw_only=True):
    """A check-in of a job. Only the name is required; `schedule` and `severity` are unchanged if None."""

    name: str
    status: CheckInStatus = "ok"
    environment: str | None = None
    service: str | None = None
    duration_ms: float | None = None
    message: str | None = None
    schedule: MonitorSchedule | None = None
    severity: Severity | None = None


class MonitorDeadline(Value, frozen=True, kw_only=True):
    """When a monitor must have checked in.

    The check-in may come from `due_from` on. If this service was unable to receive it at any time after that, it
    waits for `patience` milliseconds from when it was able to again.
    """

    due_at: Instant
    due_from: Instant
    patience: Duration
