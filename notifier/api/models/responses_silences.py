"""Silences, and what one would match."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AliasChoices, AliasPath, BeforeValidator, Field

from notifier.api.models.responses_base import Moment, NextCursor, ResponseModel, Texts
from notifier.api.models.responses_incidents import IncidentAnswer
from notifier.domain.calendar import Weekly, weekly_json
from notifier.oncall.silences import MAX_CHECKED, Phase


def _weekly(value: Any) -> Any:
    return weekly_json(value) if isinstance(value, Weekly) else value


class DoubtAnswer(ResponseModel):
    """A doubt about something that is allowed and may be a slip; `path` is where."""

    path: str
    message: str


class WindowAnswer(ResponseModel):
    """From when to when; `ends_at` null: it never ends."""

    starts_at: Moment
    ends_at: Moment | None


class SilenceAnswer(ResponseModel):
    """`held` is how many incidents that are not resolved it keeps from being told now.

    One that recurs is `active` only within its window, else `pending`. `window` is the present or the next one.
    """

    id: str = Field(validation_alias=AliasPath("silence", "id"))
    state: Phase = Field(validation_alias=AliasChoices("phase", "state"))
    matchers: Texts = Field(validation_alias=AliasPath("silence", "matchers"))
    starts_at: Moment = Field(validation_alias=AliasPath("silence", "starts_at"))
    ends_at: Moment | None = Field(validation_alias=AliasPath("silence", "ends_at"))
    recur: Annotated[dict[str, Any] | None, BeforeValidator(_weekly)] = Field(
        validation_alias=AliasPath("silence", "recur")
    )
    author: str = Field(validation_alias=AliasPath("silence", "author"))
    comment: str = Field(validation_alias=AliasPath("silence", "comment"))
    created_at: Moment = Field(validation_alias=AliasPath("silence", "created_at"))
    created_by: str = Field(validation_alias=AliasPath("silence", "created_by"))
    held: int
    window: WindowAnswer | None


class SilenceList(ResponseModel):
    items: list[SilenceAnswer]
    next_cursor: NextCursor


class PreviewAnswer(ResponseModel):
    """`matching` counts incidents that are not resolved, and `incidents` shows at most 20, the newest first."""

    matching: int
    unresolved: int = Field(description="How many the project has in all.")
    counted_all: bool = Field(
        description=f"False where there are more than {MAX_CHECKED}: the counts are of the newest so many."
    )
    everything: bool = Field(description="Such a silence is accepted only with `force`.")
    incidents: list[IncidentAnswer]
    warnings: list[DoubtAnswer] = Field(description="Labels that no event has come with so far.")
