"""Deliveries and their attempts."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import Field

from notifier.api.models.responses_base import Moment, NextCursor, ResponseModel
from notifier.domain.delivery import DeliveryState, Outcome
from notifier.domain.notification import Reason
from notifier.oncall.deliveries import DeliveryAttempt, DeliveryView


class AttemptAnswer(ResponseModel):
    """An attempt. `started_at` is null if the worker was lost before it recorded an outcome."""

    n: int
    started_at: Moment | None
    finished_at: Moment
    outcome: Outcome
    detail: str | None


class _Delivery(ResponseModel):
    """An outbox row: a notification for one target."""

    id: str
    project: str
    state: DeliveryState
    reason: Reason
    channel: str
    target: str
    title: str = Field(description="The message in one line.")
    incidents: list[str] = Field(description="Ids of the incidents shown, at most 20.")
    created_at: Moment
    due_at: Moment | None = Field(description="The next attempt; null if there is none.")
    expires_at: Moment
    outcome: Outcome | None = Field(description="The outcome of the latest attempt, or why it is dead.")
    detail: str | None
    finished_at: Moment | None
    carried_by: str | None = Field(description="The delivery that carries it instead.")
    thread_id: str
    notification_id: str


class DeliveryAnswer(_Delivery):
    """A delivery in a list. `attempts` is their number, without throttled ones."""

    attempts: int


class DeliveryWithAttempts(_Delivery):
    """A single delivery. `attempts` lists all of them, oldest first."""

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
