"""Dead letters, and the results of acts on them."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AliasChoices, Field

from notifier.api.models.responses_base import Moment, NextCursor, ResponseModel
from notifier.api.models.responses_deliveries import DeliveryAnswer
from notifier.api.models.responses_task_runs import DeadRunAnswer
from notifier.domain.task_run import TaskRun
from notifier.oncall.dead_letters import DeadLetter


class DeadDeliveryAnswer(DeliveryAnswer):
    """A dead delivery. `at` is when it died, `outcome` is why."""

    kind: Literal["delivery"] = "delivery"
    at: Moment = Field(validation_alias=AliasChoices("died_at", "at"))


DeadLetterAnswer = Annotated[DeadDeliveryAnswer | DeadRunAnswer, Field(discriminator="kind")]


def dead_letter_answer(letter: DeadLetter) -> DeadDeliveryAnswer | DeadRunAnswer:
    """The answer for either kind of dead letter."""
    model = DeadRunAnswer if isinstance(letter, TaskRun) else DeadDeliveryAnswer
    return model.model_validate(letter)


class DeadLetterList(ResponseModel):
    items: list[DeadLetterAnswer]
    next_cursor: NextCursor


class SkippedDeadLetterAnswer(ResponseModel):
    """A skipped dead letter: why, and its state, null if the id is unknown."""

    id: str
    state: str | None
    reason: str = Field(validation_alias=AliasChoices("why", "reason"))


class DecidedAnswer(ResponseModel):
    count: int
    ids: list[str]
    skipped: list[SkippedDeadLetterAnswer]
