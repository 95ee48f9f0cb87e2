"""What `/v1/stats` answers."""

from __future__ import annotations

from pydantic import BaseModel, Field

from notifier.domain.time import rfc3339
from notifier.oncall.stats import ChannelFigures, ErrorFigures, Point, Stats, StatsStep, TaskFigures


class TaskStats(BaseModel):
    """The runs of one task that were created since."""

    task: str
    runs: int
    completed: int
    failed: int = Field(description="Lost ones too.")
    success_rate: float | None = Field(description="Of those that ended, 0..1; null: none has.")
    retries: int = Field(description="Attempts after the first.")
    p50_ms: float | None = Field(description="Of the last attempts that completed or failed; nearest rank.")
    p95_ms: float | None

    @staticmethod
    def of(one: TaskFigures) -> TaskStats:
        return TaskStats(
            task=one.task,
            runs=one.runs,
            completed=one.completed,
            failed=one.failed,
            success_rate=one.success_rate,
            retries=one.retries,
            p50_ms=one.p50_ms,
            p95_ms=one.p95_ms,
        )


class ErrorStats(BaseModel):
    """The events of one exception type; counted exactly, by the minute, and by the hour when two days old."""

    type: str | None = Field(description="Null: no exception, or an incident of several types.")
    count: int
    share: float = Field(description="Of all events of the span, 0..1.")
    first_seen: str = Field(description="Of the incidents that counted them: it may lie before the span.")
    last_seen: str

    @staticmethod
    def of(one: ErrorFigures) -> ErrorStats:
        return ErrorStats(
            type=one.type,
            count=one.count,
            share=one.share,
            first_seen=rfc3339(one.first_seen),
            last_seen=rfc3339(one.last_seen),
        )


class DeliveryStats(BaseModel):
    """The deliveries of one channel that ended since."""

    channel: str
    delivered: int
    dead: int
    p95_ms: int | None = Field(description="From the decision to tell until it was delivered; nearest rank.")

    @staticmethod
    def of(one: ChannelFigures) -> DeliveryStats:
        return DeliveryStats(channel=one.channel, delivered=one.delivered, dead=one.dead, p95_ms=one.p95_ms)


class PointStats(BaseModel):
    """One hour or one day (UTC). Runs count where they were created, with what has become of them by now."""

    at: str
    step: StatsStep
    events: int
    runs: int
    completed: int
    failed: int

    @staticmethod
    def of(one: Point, step: StatsStep) -> PointStats:
        return PointStats(
            at=rfc3339(one.at),
            step=step,
            events=one.events,
            runs=one.runs.runs,
            completed=one.runs.completed,
            failed=one.runs.failed,
        )


class StatsAnswer(BaseModel):
    """How tasks, errors and deliveries have done since a moment."""

    since: str
    tasks: list[TaskStats] = Field(description="The busiest first, at most 1,000.")
    errors: list[ErrorStats] = Field(description="The most frequent first, at most 100.")
    deliveries: list[DeliveryStats]
    series: list[PointStats] = Field(description="Every step of the span, oldest first.")

    @staticmethod
    def of(stats: Stats) -> StatsAnswer:
        return StatsAnswer(
            since=rfc3339(stats.since),
            tasks=[TaskStats.of(one) for one in stats.tasks],
            errors=[ErrorStats.of(one) for one in stats.errors],
            deliveries=[DeliveryStats.of(one) for one in stats.deliveries],
            series=[PointStats.of(one, stats.step) for one in stats.series],
        )
