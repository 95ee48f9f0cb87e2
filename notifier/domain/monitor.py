"""A monitor: a job that checks in, so that its silence is noticed."""

from __future__ import annotations

from typing import Literal, get_args

from notifier.domain.severity import Severity
from notifier.domain.time import MINUTE, Duration, Instant
from notifier.domain.value import Value

CheckInStatus = Literal["ok", "in_progress", "error"]
"""What a job says of itself: that it has ended well, has begun, or has failed."""

CHECK_IN_STATUSES: tuple[CheckInStatus, ...] = get_args(CheckInStatus)

MonitorTrouble = Literal["missed", "overran", "error"]
"""Why a monitor has an incident: it was not heard of in time, did not end in time, or said that it had failed."""

MonitorState = Literal["ok", "in_progress", "error", "missed", "overran"]

GRACE_DEFAULT: Duration = 5 * MINUTE


class MonitorSchedule(Value, frozen=True, kw_only=True):
    """When a job is expected: after `every` since the last time, or when `cron` says by the clocks of `zone`.

    `grace` is how much later it may check in, `longest` how long after its beginning it must have ended.
    """

    every: Duration | None = None
    cron: str | None = None
    zone: str = "UTC"
    grace: Duration = GRACE_DEFAULT
    longest: Duration | None = None


class DeclaredMonitor(Value, frozen=True, kw_only=True):
    """A monitor as a configuration declares it."""

    schedule: MonitorSchedule
    severity: Severity | None = None


class CheckIn(Value, frozen=True, kw_only=True):
    """A sign of a job. Nothing but the name need be said; `schedule` and `severity` stay as they were where None."""

    name: str
    status: CheckInStatus = "ok"
    environment: str | None = None
    service: str | None = None
    duration_ms: float | None = None
    message: str | None = None
    schedule: MonitorSchedule | None = None
    severity: Severity | None = None


class MonitorDeadline(Value, frozen=True, kw_only=True):
    """The moment by which a monitor must be heard of.

    `due_from` is since when that may happen; who was deaf at any time after it cannot know, and waits for `patience`
    from when it heard again.
    """

    due_at: Instant
    due_from: Instant
    patience: Duration
