"""Statistics of tasks, errors and deliveries."""

from __future__ import annotations

from pydantic import AliasPath, Field

from notifier.api.models.responses_base import Moment, ResponseModel
from notifier.oncall.stats import StatsStep


class TaskStats(ResponseModel):
    """The runs of one task that were created since."""

    task: str
    runs: int
    completed: int
    failed: int = Field(description="Lost ones too.")
    success_rate: float | None = Field(description="Of those that ended, 0..1; null: none has.")
    retries: int = Field(description="Attempts after the first.")
    p50_ms: float | None = Field(description="Of the last attempts that completed or failed; nearest rank.")
    p95_ms: float | None
    approximate: bool = Field(
        default=False,
        exclude_if=lambda value: not value,
        description="There where both are estimated, of more than 1,000 runs (5,000 of all tasks): within 3 %.",
    )


class ErrorStats(ResponseModel):
    """The events of one exception type; counted exactly, by the minute, and by the hour when two days old."""

    type: str | None = Field(description="Null: no exception, or an incident of several types.")
    count: int
    share: float = Field(description="Of all events of the span, 0..1.")
    first_seen: Moment = Field(description="Of the incidents that counted them: it may lie before the span.")
    last_seen: Moment


class DeliveryStats(ResponseModel):
    """The deliveries of one channel that ended since."""

    channel: str
    delivered: int
    dead: int
    p95_ms: int | None = Field(description="From the decision to tell until it was delivered; nearest rank.")
    approximate: bool = Field(
        default=False,
        exclude_if=lambda value: not value,
        description="There where it is estimated, of many deliveries: it is within 3 %.",
    )


class PointStats(ResponseModel):
    """One hour or one day (UTC). Runs count where they were created, with what has become of them by now."""

    at: Moment
    step: StatsStep
    events: int
    runs: int = Field(validation_alias=AliasPath("runs", "runs"))
    completed: int = Field(validation_alias=AliasPath("runs", "completed"))
    failed: int = Field(validation_alias=AliasPath("runs", "failed"))


class StatsAnswer(ResponseModel):
    """How tasks, errors and deliveries have done since a moment."""

    since: Moment
    tasks: list[TaskStats] = Field(description="The busiest first, at most 1,000.")
    errors: list[ErrorStats] = Field(description="The most frequent first, at most 100.")
    deliveries: list[DeliveryStats]
    series: list[PointStats] = Field(description="Every step of the span, oldest first.")
