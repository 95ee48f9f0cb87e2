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
    varying: list[str] = Field(description="Labels removed from `labels` because events differ in them.")
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
    """Samples of an incident's events, newest first: the last one, the first ten, and ever fewer between."""

    items: list[dict[str, Any]]
    next_cursor: NextCursor


class TimelineItem(ResponseModel):
    """An entry of the timeline. The kind `next` is an entry that is due.

    `held_by` is set if a notification was held, `reason` if it was sent; both are null otherwise.
    """

    at: Moment
    kind: Literal["event", "told", "held", "delivery", "action", "next"]
    reason: Reason | None = Field(default=None, description="Why it was notified.")
    held_by: HeldBy | None = Field(default=None, description="Why it was not notified.")
    count: int | None = Field(description="Number of events, or of equal decisions.")
    route: str | None = Field(description="The route's matchers.")
    channel: str | None
    actor: str | None
    text: str


class TimelineAnswer(ResponseModel):
    """Timeline entries, oldest first. If there are more than 500, only the newest 500."""

    items: list[TimelineItem]
    truncated: bool = Field(description="Whether older entries are omitted.")


class SkippedIncidentAnswer(ResponseModel):
    """A skipped incident, by the name that the request gave for it.

    `already`: the same actor did the same before. `taken`: somebody else has it.
    """

    id: str
    reason: SkipReason


class ManyAnswer(ResponseModel):
    """The number of changed incidents, and the skipped ones."""

    done: int
    skipped: list[SkippedIncidentAnswer]
