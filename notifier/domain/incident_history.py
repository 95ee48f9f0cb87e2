"""The history of one incident: decisions, deliveries, acts of people, and what is due next."""

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
    """A command recorded in the audit. `key_name` is the key in use, whatever name the actor gave."""

    at: Instant
    project: str
    actor: str
    key_name: str
    action: str
    subject: str
    detail: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DecidedBy:
    """The route of a decision: its key, and the name and line it had in the configuration version of that time.

    Fields are None if the store no longer knows them.
    """

    key: str | None
    name: str | None
    line: str | None
    version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """A run of consecutive equal decisions: notified for a reason, or held.

    `ref` is the silence or incident that held it, or the step of an escalation. `events` is the number of events that
    this notification adds to those notified before.
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
    """The delivery that carries another one: a digest, or a newer message of the thread."""

    id: str
    state: DeliveryState
    finished_at: Instant | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SentDelivery:
    """A delivery of a notification about the incident; `reason` is why the incident was in it.

    `waits_until` is when its target is next due. `rate_limited` means that it waits for a token of the target's
    bucket, `on_hold` that it waits for the end of the hold.
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
    """The incident's membership in one group. `undecided` means that it has changed since the last decision.

    `told_over` means that its resolution was the last thing notified.
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
    """The known history of one incident, each sequence oldest first.

    `late` counts events that arrived after the resolution but had happened before it. `previous` is the number of the
    incident that this one follows. `silences` and `inhibitors` (number and title of an incident) resolve the
    references in decisions and memberships, by id.
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
