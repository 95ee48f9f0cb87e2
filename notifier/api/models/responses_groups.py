"""Groups that wait."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from pydantic import AliasPath, BeforeValidator, Field

from notifier.api.models.responses_base import Moment, NextCursor, ResponseModel
from notifier.domain.notification import HeldBy


def _most_first(held: Mapping[str, int]) -> dict[str, int]:
    return dict(sorted(held.items(), key=lambda pair: (-pair[1], pair[0])))


class WaitingIncidentAnswer(ResponseModel):
    """An incident that its group has not notified yet. `held_by` is null if it only waits until the group is due."""

    id: str
    number: int
    title: str
    since: Moment
    held_by: HeldBy | None


class GroupAnswer(ResponseModel):
    """A waiting group. `due_at` is null if only an event or the end of a hold makes it due."""

    id: str = Field(validation_alias=AliasPath("group", "id"))
    project: str = Field(validation_alias=AliasPath("group", "project"))
    route: str = Field(validation_alias=AliasPath("route", "name"))
    line: str | None = Field(validation_alias=AliasPath("route", "line"))
    channels: list[str] = Field(validation_alias=AliasPath("route", "channels"))
    labels: dict[str, str] = Field(validation_alias=AliasPath("group", "labels"))
    created_at: Moment = Field(validation_alias=AliasPath("group", "created_at"))
    due_at: Moment | None = Field(validation_alias=AliasPath("group", "due_at"))
    last_told_at: Moment | None = Field(validation_alias=AliasPath("group", "last_told_at"))
    members: int = Field(validation_alias=AliasPath("group", "members"))
    changed: int = Field(
        validation_alias=AliasPath("group", "changed"),
        description="Incidents whose change is notified or held when the group is due.",
    )
    held: Annotated[dict[str, int], BeforeValidator(_most_first)] = Field(
        validation_alias=AliasPath("group", "held"),
        description="Held open incidents, by reason.",
    )
    incidents: list[WaitingIncidentAnswer] = Field(
        validation_alias=AliasPath("group", "waiting"),
        description="At most 20 waiting incidents, newest first.",
    )


class GroupList(ResponseModel):
    items: list[GroupAnswer]
    next_cursor: NextCursor
