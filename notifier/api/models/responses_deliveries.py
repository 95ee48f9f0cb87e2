"""Deliveries and their attempts."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import Field

from notifier.api.models.responses_base import Moment, NextCursor, ResponseModel
from notifier.domain.delivery import DeliveryState, Outcome
from notifier.domain.notification import Reason
from notifier.oncall.deliveries import DeliveryAttempt, DeliveryView


class AttemptAnswer(ResponseModel):
    """One try; `started_at` null: the worker was lost before it recorded an outcome."""

    n: int
    started_at: Moment | None
    finished_at: Moment
    outcome: Outcome
    detail: str | None


class _Delivery(ResponseModel):
    """One outbox row: a notification and one target."""

    id: str
    project: str
    state: DeliveryState
    reason: Reason
    channel: str
    target: str
    title: str = Field(description="What it tells, in a line.")
    incidents: list[str] = Field(description="Ids of the incidents that it shows, at most 20.")
    created_at: Moment
    due_at: Moment | None = Field(description="Its next attempt; null once there is none.")
    expires_at: Moment
    outcome: Outcome | None = Field(description="The latest attempt's, or why it is dead.")
    detail: str | None
    finished_at: Moment | None
    carried_by: str | None = Field(description="The delivery that tells it instead.")
    thread_id: str
    notification_id: str


class DeliveryAnswer(_Delivery):
    """In lists, `attempts` counts them; throttled ones use none up."""

    attempts: int


class DeliveryWithAttempts(_Delivery):
    """Alone, `attempts` are all of them, oldest first."""

    attempts: list[AttemptAnswer]

    @staticmethod
    def of(delivery: DeliveryView, attempts: Sequence[DeliveryAttempt]) -> DeliveryWithAttempts:
        fields = _Delivery.model_validate(delivery).model_dump()
        return DeliveryWithAttempts(
            **fields, attempts=[AttemptAnswer.model_validate(each) for each in attempts]
        )


class DeliveryList(ResponseModel):
    items: list[DeliveryAnswer]
    next_cursor: NextCursor
