"""Statistics of tasks, errors and deliveries."""

from __future__ import annotations

from pydantic import AliasPath, Field

from notifier.api.models.responses_base import Moment, ResponseModel
from notifier.oncall.stats import StatsStep


class TaskStats(ResponseModel):
    """The runs of one task that were created in the span."""

    task: str
    runs: int
    completed: int
    failed: int = Field(description="Failed and lost runs.")
    success_rate: float | None = Field(
        description="Share of ended runs that completed, 0..1; null if none has ended."
    )
    retries: int = Field(description="Attempts after the first one.")
    p50_ms: float | None = Field(description="Median duration of last attempts; nearest rank.")
    p95_ms: float | None
    approximate: bool = Field(
        default=False,
        exclude_if=lambda value: not value,
        description="Present if both are estimates within 3 %, for more than 1,000 runs (5,000 of all tasks).",
    )


class ErrorStats(ResponseModel):
    """The events of one exception type. Counts are exact, by the minute, and by the hour after two days."""

    type: str | None = Field(
        description="Null if there is no exception, or if the incident has several types."
    )
    count: int
    share: float = Field(description="Share of all events in the span, 0..1.")
    first_seen: Moment = Field(description="First event of these incidents, which may be before the span.")
    last_seen: Moment


class DeliveryStats(ResponseModel):
    """The deliveries of one channel that ended in the span."""

    channel: str
    delivered: int
    dead: int
    p95_ms: int | None = Field(description="Time from the decision to the delivery; nearest rank.")
    approximate: bool = Field(
        default=False,
        exclude_if=lambda value: not value,
        description="Present if it is an estimate within 3 %, for many deliveries.",
    )


class PointStats(ResponseModel):
    """One hour or one day (UTC). Runs count at their creation, with their current state."""

    at: Moment
    step: StatsStep
    events: int
    runs: int = Field(validation_alias=AliasPath("runs", "runs"))
    completed: int = Field(validation_alias=AliasPath("runs", "completed"))
    failed: int = Field(validation_alias=AliasPath("runs", "failed"))


class StatsAnswer(ResponseModel):
    """Statistics of tasks, errors and deliveries since a moment."""

    since: Moment
    tasks: list[TaskStats] = Field(description="Busiest first, at most 1,000.")
    errors: list[ErrorStats] = Field(description="Most frequent first, at most 100.")
    deliveries: list[DeliveryStats]
    series: list[PointStats] = Field(description="All steps of the span, oldest first.")
