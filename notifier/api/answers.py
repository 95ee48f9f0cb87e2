"""What the API answers, as models: they make the JSON and the OpenAPI document. Times are RFC 3339, UTC."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

from notifier.domain.delivery import DeliveryState, Outcome
from notifier.domain.event import Severity
from notifier.domain.incident import State
from notifier.domain.key import Key
from notifier.domain.notification import HeldBy, Reason
from notifier.domain.time import Instant, rfc3339
from notifier.oncall.deliveries import DeliveryAttempt, DeliveryView
from notifier.oncall.groups import WaitingGroup, held
from notifier.oncall.labels import Doubt

NextCursor = Annotated[
    str | None, Field(description="Give it as `cursor` for the next page; null at the end.")
]


def moment(at: Instant | None) -> str | None:
    return None if at is None else rfc3339(at)


class IncidentAnswer(BaseModel):
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
    first_seen: str
    last_seen: str
    acknowledged_by: str | None
    resolved_at: str | None
    previous_id: str | None
    url: str | None
    latest_event: dict[str, Any] | None = Field(description="The newest sample, null once it is pruned.")


class IncidentList(BaseModel):
    items: list[IncidentAnswer]
    next_cursor: NextCursor


class EventList(BaseModel):
    """Samples of an incident, newest first: its last event, ever fewer, and the first ten."""

    items: list[dict[str, Any]]
    next_cursor: NextCursor


class TimelineItem(BaseModel):
    """One thing that happened, or (`next`) is to come.

    It has `held_by` where it is about what was not told, else `reason`, null where it is about neither.
    """

    at: str
    kind: Literal["event", "told", "held", "delivery", "action", "next"]
    reason: Reason | None = Field(default=None, description="Why told.")
    held_by: HeldBy | None = Field(default=None, description="Why not told.")
    count: int | None = Field(description="How many events, or how often it was decided so.")
    route: str | None = Field(description="The route's matchers.")
    channel: str | None
    actor: str | None
    text: str


class TimelineAnswer(BaseModel):
    """Oldest first. At most 500 items: the newest, where there are more."""

    items: list[TimelineItem]
    truncated: bool = Field(description="Whether older ones are left out.")


class WaitingAnswer(BaseModel):
    """An incident that its group has yet to tell of; `held_by` null: only until the group is due."""

    id: str
    number: int
    title: str
    since: str
    held_by: HeldBy | None


class GroupAnswer(BaseModel):
    """A group that waits. `due_at` null: only an event or the end of what holds it wakes it."""

    id: str
    project: str
    route: str
    line: str | None
    channels: list[str]
    labels: dict[str, str]
    created_at: str
    due_at: str | None
    last_told_at: str | None
    members: int
    changed: int = Field(description="Incidents whose change is told of, or held, when the group is due.")
    held: dict[str, int] = Field(description="Open incidents that are held, by reason.")
    incidents: list[WaitingAnswer] = Field(description="At most 20 of those that wait, newest first.")

    @staticmethod
    def of(one: WaitingGroup) -> GroupAnswer:
        group = one.group
        return GroupAnswer(
            id=group.id,
            project=group.project,
            route=one.route.name,
            line=one.route.line,
            channels=list(one.route.channels),
            labels=dict(group.labels),
            created_at=rfc3339(group.created_at),
            due_at=moment(group.due_at),
            last_told_at=moment(group.last_told_at),
            members=group.members,
            changed=group.changed,
            held=dict(held(group)),
            incidents=[
                WaitingAnswer(
                    id=waits.id,
                    number=waits.number,
                    title=waits.title,
                    since=rfc3339(waits.since),
                    held_by=waits.held_by,
                )
                for waits in group.waiting
            ],
        )


class GroupList(BaseModel):
    items: list[GroupAnswer]
    next_cursor: NextCursor


class AttemptAnswer(BaseModel):
    """One try; `started_at` null: the worker was lost before it recorded an outcome."""

    n: int
    started_at: str | None
    finished_at: str
    outcome: Outcome
    detail: str | None

    @staticmethod
    def of(one: DeliveryAttempt) -> AttemptAnswer:
        return AttemptAnswer(
            n=one.n,
            started_at=moment(one.started_at),
            finished_at=rfc3339(one.finished_at),
            outcome=one.outcome,
            detail=one.detail,
        )


class _Delivery(BaseModel):
    """One outbox row: a notification and one target."""

    id: str
    project: str
    state: DeliveryState
    reason: Reason
    channel: str
    target: str
    title: str = Field(description="What it tells, in a line.")
    incidents: list[str] = Field(description="Ids of the incidents that it shows, at most 20.")
    created_at: str
    due_at: str | None = Field(description="Its next attempt; null once there is none.")
    expires_at: str
    outcome: Outcome | None = Field(description="The latest attempt's, or why it is dead.")
    detail: str | None
    finished_at: str | None
    carried_by: str | None = Field(description="The delivery that tells it instead.")
    thread_id: str
    notification_id: str


class DeliveryAnswer(_Delivery):
    """In lists, `attempts` counts them; throttled ones use none up."""

    attempts: int

    @staticmethod
    def of(one: DeliveryView) -> DeliveryAnswer:
        return DeliveryAnswer(**_fields(one), attempts=one.attempts)


class DeliveryWithAttempts(_Delivery):
    """Alone, `attempts` are all of them, oldest first."""

    attempts: list[AttemptAnswer]

    @staticmethod
    def of(one: DeliveryView, attempts: tuple[DeliveryAttempt, ...]) -> DeliveryWithAttempts:
        return DeliveryWithAttempts(**_fields(one), attempts=[AttemptAnswer.of(each) for each in attempts])


class DeliveryList(BaseModel):
    items: list[DeliveryAnswer]
    next_cursor: NextCursor


class KeyAnswer(BaseModel):
    """A key without its secret."""

    id: str
    project: str
    name: str
    scopes: list[str]
    created_at: str
    revoked_at: str | None

    @staticmethod
    def of(key: Key) -> KeyAnswer:
        return KeyAnswer(**_key(key))


class CreatedKey(KeyAnswer):
    """`key` is the secret; it is shown only now."""

    key: str

    @staticmethod
    def with_secret(key: Key, secret: str) -> CreatedKey:
        return CreatedKey(**_key(key), key=secret)


class KeyList(BaseModel):
    items: list[KeyAnswer]
    next_cursor: NextCursor


class DoubtAnswer(BaseModel):
    """Something that is allowed and may be a slip; `path` is where."""

    path: str
    message: str

    @staticmethod
    def of(one: Doubt) -> DoubtAnswer:
        return DoubtAnswer(path=one.path, message=one.message)


class Health(BaseModel):
    status: Literal["ok", "ready"]


def _fields(one: DeliveryView) -> dict[str, Any]:
    return {
        "id": one.id,
        "project": one.project,
        "state": one.state,
        "reason": one.reason,
        "channel": one.channel,
        "target": one.target,
        "title": one.title,
        "incidents": list(one.incidents),
        "created_at": rfc3339(one.created_at),
        "due_at": moment(one.due_at),
        "expires_at": rfc3339(one.expires_at),
        "outcome": one.outcome,
        "detail": one.detail,
        "finished_at": moment(one.finished_at),
        "carried_by": one.carried_by,
        "thread_id": one.thread_id,
        "notification_id": one.notification_id,
    }


def _key(key: Key) -> dict[str, Any]:
    return {
        "id": key.id,
        "project": key.project,
        "name": key.name,
        "scopes": sorted(key.scopes),
        "created_at": rfc3339(key.created_at),
        "revoked_at": moment(key.revoked_at),
    }
