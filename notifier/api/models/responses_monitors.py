"""Monitors and their state."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from notifier.api.models.responses_base import Moment, NextCursor, ResponseModel
from notifier.domain.monitor import MonitorState


class MonitorScheduleAnswer(ResponseModel):
    """When check-ins of the job are expected. Durations are milliseconds."""

    every: int | None
    cron: str | None
    zone: str
    grace: int
    longest: int | None = Field(description="The longest that a run may take.")


class MonitorAnswer(ResponseModel):
    """A job that checks in. `at` and `duration_ms` describe its last check-in."""

    name: str
    environment: str
    service: str
    state: MonitorState
    at: Moment
    duration_ms: float | None
    severity: str
    schedule: MonitorScheduleAnswer | None = Field(description="Null if no check-in is expected.")
    declared_by: Literal["file", "client"] | None
    due_at: Moment | None = Field(description="When it is missed without a check-in.")
    incident_id: str | None = Field(description="Its unresolved incident.")


class MonitorList(ResponseModel):
    items: list[MonitorAnswer]
    next_cursor: NextCursor
