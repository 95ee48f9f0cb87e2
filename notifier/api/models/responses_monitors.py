"""Monitors and their state."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from notifier.api.models.responses_base import Moment, NextCursor, ResponseModel
from notifier.domain.monitor import MonitorState


class MonitorScheduleAnswer(ResponseModel):
    """When the job is expected; durations in milliseconds."""

    every: int | None
    cron: str | None
    zone: str
    grace: int
    longest: int | None = Field(description="How long after its beginning it must have ended.")


class MonitorAnswer(ResponseModel):
    """A job that checks in. `at` and `duration_ms` are of its last check-in."""

    name: str
    environment: str
    service: str
    state: MonitorState
    at: Moment
    duration_ms: float | None
    severity: str
    schedule: MonitorScheduleAnswer | None = Field(description="Null: nothing is expected of it.")
    declared_by: Literal["file", "client"] | None
    due_at: Moment | None = Field(description="When it is missed unless it is heard of.")
    incident_id: str | None = Field(description="Its incident that is not resolved.")


class MonitorList(ResponseModel):
    items: list[MonitorAnswer]
    next_cursor: NextCursor
