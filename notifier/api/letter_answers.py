"""What the API answers of dead letters, as models."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, Field

from notifier.api.answers import DeliveryAnswer, NextCursor
from notifier.api.run_answers import DeadRunAnswer
from notifier.domain.task_run import TaskRun
from notifier.domain.time import rfc3339
from notifier.oncall.dead_letters import DeadLetter, Decided
from notifier.oncall.deliveries import DeliveryView


class DeadDeliveryAnswer(DeliveryAnswer):
    """A dead delivery; `at` is when it died, `outcome` names why."""

    kind: Literal["delivery"] = "delivery"
    at: str

    @staticmethod
    def of(one: DeliveryView) -> DeadDeliveryAnswer:
        died = one.created_at if one.finished_at is None else one.finished_at
        return DeadDeliveryAnswer(**DeliveryAnswer.of(one).model_dump(), at=rfc3339(died))


DeadLetterAnswer = Annotated[DeadDeliveryAnswer | DeadRunAnswer, Field(discriminator="kind")]


def dead_letter(one: DeadLetter) -> DeadDeliveryAnswer | DeadRunAnswer:
    return DeadRunAnswer.of(one) if isinstance(one, TaskRun) else DeadDeliveryAnswer.of(one)


class DeadLetterList(BaseModel):
    items: list[DeadLetterAnswer]
    next_cursor: NextCursor


class SkippedAnswer(BaseModel):
    """A dead letter that was left alone: its state, null where there is none of that id, and why."""

    id: str
    state: str | None
    reason: str


class DecidedAnswer(BaseModel):
    count: int
    ids: list[str]
    skipped: list[SkippedAnswer]

    @staticmethod
    def of(decided: Decided) -> DecidedAnswer:
        return DecidedAnswer(
            count=len(decided.ids),
            ids=list(decided.ids),
            skipped=[SkippedAnswer(id=one.id, state=one.state, reason=one.why) for one in decided.skipped],
        )
