"""The history of one incident: what was decided, sent and done about it, and what is due next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from notifier.domain.delivery import DeliveryState, Outcome
from notifier.domain.incident import Incident
from notifier.domain.notification import HeldBy, Reason
from notifier.domain.silence import Silence
from notifier.domain.time import Instant


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEntry:
    """One command as it is kept. `key_name` is the key that was used, whoever the actor said they were."""

    at: Instant
    project: str
    actor: str
    key_name: str
    action: str
    subject: str
    detail: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DecidedBy:
    """A route: its key, and the words and the line that it had in the version of the configuration that decided.

    None is what the store no longer knows.
    """

    key: str | None
    name: str | None
    line: str | None
    version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """Equal decisions that followed each other: told for a reason, or held.

    `ref` is the silence or the incident that held it, or the step of an escalation. `events` are those that this
    telling adds to what was told before.
    """

    group_id: str
    at: Instant
    last_at: Instant
    why: Reason | HeldBy
    ref: str | None
    count: int
    events: int
    by: DecidedBy


@dataclass(frozen=True, slots=True, kw_only=True)
class CarryingDelivery:
    """The delivery that tells what another one had to tell: a digest, or a newer message of the thread."""

    id: str
    state: DeliveryState
    finished_at: Instant | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SentDelivery:
    """A delivery of a notification that told of the incident; `reason` is why it told of this one.

    `waits_until` is when its target is looked at next. `rate_limited`: the delivery waits for a
    token of its target's bucket; `on_hold`: for the end of the hold.
    """

    id: str
    channel: str
    target: str
    reason: Reason
    state: DeliveryState
    created_at: Instant
    due_at: Instant
    finished_at: Instant | None
    outcome: Outcome | None
    detail: str | None
    attempts: int
    carried_by: CarryingDelivery | None
    waits_until: Instant | None
    rate_limited: bool
    on_hold: bool
    target_disabled: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Membership:
    """The incident in one group, with its route's key. `undecided`: it has changed since it was decided about.

    `told_over`: the last that was told is that the incident is resolved.
    """

    group_id: str
    route: str
    undecided: bool
    due_at: Instant | None
    told: bool
    told_over: bool
    held_by: HeldBy | None
    hold_ref: str | None
    repeat_at: Instant | None
    escalate_at: Instant | None


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentHistory:
    """All that is known of one incident, each sequence oldest first.

    `late` counts events that came after the incident was resolved and had happened before. `previous` is the number of
    the incident that this one follows. `silences` and `inhibitors` (number and title of an incident) are what
    decisions and memberships refer to, by id.
    """

    incident: Incident
    late: int
    opened_at: Instant
    acknowledged_until: Instant | None
    snoozed_by: str | None
    snoozed_until: Instant | None
    resolved_by: str | None
    previous: int | None
    decisions: Sequence[Decision]
    deliveries: Sequence[SentDelivery]
    actions: Sequence[AuditEntry]
    memberships: Sequence[Membership]
    silences: Mapping[str, Silence]
    inhibitors: Mapping[str, tuple[int, str]]
