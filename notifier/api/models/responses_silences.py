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
    """A warning about something that is allowed but may be a mistake. `path` is where."""

    path: str
    message: str


class WindowAnswer(ResponseModel):
    """A window. `ends_at` is null if it never ends."""

    starts_at: Moment
    ends_at: Moment | None


class SilenceAnswer(ResponseModel):
    """A silence. `held` is the number of unresolved incidents that it holds now.

    A recurring silence is `active` only within its window, else `pending`. `window` is the current or the next one.
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
    """A preview. `matching` counts unresolved incidents, `incidents` shows at most 20, newest first."""

    matching: int
    unresolved: int = Field(description="Number of unresolved incidents in the project.")
    counted_all: bool = Field(
        description=f"False where there are more than {MAX_CHECKED}: the counts are of the newest so many."
    )
    everything: bool = Field(description="Whether it matches everything; such a silence needs `force`.")
    incidents: list[IncidentAnswer]
    warnings: list[DoubtAnswer] = Field(description="Labels that no event has had so far.")
