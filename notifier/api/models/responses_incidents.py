"""Incidents, their samples, their timeline, and the result of a bulk act.

Lists and pages of incidents are encoded by `Incident.as_json`, like webhooks and templates; `IncidentAnswer` describes
that form.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from notifier.api.models.responses_base import Moment, NextCursor, ResponseModel
from notifier.domain.notification import HeldBy, Reason
from notifier.domain.severity import Severity
from notifier.domain.state import State
from notifier.oncall.bulk import SkipReason


class IncidentAnswer(ResponseModel):
    """One problem: all events of one (project, environment, fingerprint) since it opened."""

    id: str
    number: int
    project: str
    environment: str
    fingerprint: str
    title: str
    state: State
    severity: Severity
    labels: dict[str, str]
    varying: list[str] = Field(description="Labels that left `labels` because events differ in them.")
    count: int
    first_seen: Moment
    last_seen: Moment
    acknowledged_by: str | None
    resolved_at: Moment | None
    previous_id: str | None
    url: str | None
    latest_event: dict[str, Any] | None = Field(
        description="The newest sample, null once it is pruned. If it has no `links`, they are those of the newest "
        "sample that has some, whose id is `links_from`."
    )


class IncidentList(ResponseModel):
    items: list[IncidentAnswer]
    next_cursor: NextCursor


class EventList(ResponseModel):
    """Samples of an incident, newest first: its last event, ever fewer, and the first ten."""

    items: list[dict[str, Any]]
    next_cursor: NextCursor


class TimelineItem(ResponseModel):
    """One thing that happened, or (`next`) is to come.

    It has `held_by` where it is about what was not told, else `reason`, null where it is about neither.
    """

    at: Moment
    kind: Literal["event", "told", "held", "delivery", "action", "next"]
    reason: Reason | None = Field(default=None, description="Why told.")
    held_by: HeldBy | None = Field(default=None, description="Why not told.")
    count: int | None = Field(description="How many events, or how often it was decided so.")
    route: str | None = Field(description="The route's matchers.")
    channel: str | None
    actor: str | None
    text: str


class TimelineAnswer(ResponseModel):
    """Oldest first. At most 500 items: the newest, where there are more."""

    items: list[TimelineItem]
    truncated: bool = Field(description="Whether older ones are left out.")


class SkippedIncidentAnswer(ResponseModel):
    """An incident that the act was not done to, by the name that was given for it.

    `already`: the same was done before by the same actor; `taken`: another has it.
    """

    id: str
    reason: SkipReason


class ManyAnswer(ResponseModel):
    """To how many incidents it was done, and to which it was not."""

    done: int
    skipped: list[SkippedIncidentAnswer]
