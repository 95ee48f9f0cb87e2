"""A message: what a channel is given to send, frozen and the same on every retry."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from notifier.domain.incident import Incident
from notifier.domain.notification import PRECEDENCE, Reason
from notifier.domain.severity import Severity
from notifier.domain.state import State
from notifier.domain.time import Instant
from notifier.domain.value import Value

SHOWN_AT_MOST = 20
FORM = 2
"""The version of the stored form. A message that may have been sent keeps its form."""


class Flapping(Value, frozen=True, kw_only=True):
    """How often a problem has opened since it began to recur."""

    times: int
    since: Instant


class Told(Value, frozen=True, kw_only=True):
    """An incident in a message: its snapshot, the reason it is notified, and the person who caused that, if any.

    `flapping` is None if the problem does not recur.
    """

    incident: Incident
    reason: Reason
    actor: str | None = None
    flapping: Flapping | None = None


class EpisodeSummary(Value, frozen=True, kw_only=True):
    """A group's episode as a whole: how many of its incidents are in each state.

    `incidents` holds at most 10 of them: unresolved ones first, then by severity, then by count.
    """

    open: int
    acknowledged: int
    resolved: int
    events: int
    incidents: tuple[Incident, ...]


class Conversation(Value, frozen=True, kw_only=True):
    """A mail conversation: part of an episode, with the subject and severity that it had when it opened.

    `number` counts the conversations of an episode from 0; a raise to critical opens the next one.
    """

    number: int
    subject: str
    severity: Severity

    def as_json(self) -> list[Any]:
        return [self.number, self.subject, self.severity.value]

    @staticmethod
    def from_json(stored: list[Any]) -> Conversation:
        number, subject, severity = stored
        return Conversation(number=number, subject=subject, severity=Severity(severity))


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionLink:
    """A link with which the recipient can act once: `action` is `acknowledge`, `snooze` or `resolve`."""

    incident_id: str
    action: str
    url: str


class Origin(Value, frozen=True, kw_only=True):
    """The origin of a notification, so that a message can say why it was sent.

    `route` is the route's matchers from the root down (`severity="critical"`, or `default`), `line` its place in the
    configuration (`notifier.yaml:12`).
    """

    route: str
    line: str | None = None


class Message(Value, frozen=True, kw_only=True):
    """The content of one delivery.

    `id` is the delivery's id, stable over retries and redeliveries. `told` holds at most 20 incidents, most important
    first; `more` counts those left out. `totals` counts all incidents by reason, `events` all of their events (0 if
    not counted), `most_events` those of the incident with the most. `suppressed` counts events since the last message
    that were not notified individually. `labels` are those shared by the group. `note` is a line to show above
    everything: what failed (fallback), what a test is, how many messages a digest merges. `possible_repeat` means
    that an earlier attempt may have succeeded: channels may show it, the webhook body never changes. `standing`
    summarises the group's episode, None without a group. `conversation` is the mail conversation, None for a single
    mail. `actions` belong to this attempt and are never stored. `form` is the version of the stored form with which
    it was first sent: form 1 had no `note` in the webhook body.
    """

    id: str
    reason: Reason
    at: Instant
    project: str
    group: str | None
    labels: Mapping[str, str]
    told: tuple[Told, ...]
    more: int = 0
    totals: Mapping[str, int]
    events: int = 0
    most_events: int = 0
    suppressed: int = 0
    origin: Origin | None = None
    note: str | None = None
    thread_id: str
    previous_thread_id: str | None = None
    standing: EpisodeSummary | None = None
    conversation: Conversation | None = None
    possible_repeat: bool = False
    actions: tuple[ActionLink, ...] = ()
    form: int = FORM

    @property
    def state(self) -> State:
        """The state of the whole group: resolved if all its incidents are, and open if any is."""
        if self.standing is None:
            states = {item.incident.state for item in self.told}
        else:
            counts = (self.standing.open, self.standing.acknowledged, self.standing.resolved)
            states = {state for state, count in zip(State, counts, strict=True) if count}
        return next((state for state in State if state in states), State.OPEN)

    def as_json(self) -> dict[str, Any]:
        """The stored form, which `from_json` reads. `possible_repeat` and `actions` are not stored."""
        return {
            "id": self.id,
            "reason": self.reason.value,
            "at": self.at,
            "project": self.project,
            "group": self.group,
            "labels": dict(self.labels),
            "told": [
                {
                    "incident": item.incident.as_json(),
                    "reason": item.reason.value,
                    "actor": item.actor,
                    "flapping": None if item.flapping is None else [item.flapping.times, item.flapping.since],
                }
                for item in self.told
            ],
            "more": self.more,
            "totals": dict(self.totals),
            "events": self.events,
            "most_events": self.most_events,
            "suppressed": self.suppressed,
            "origin": None if self.origin is None else [self.origin.route, self.origin.line],
            "note": self.note,
            "thread_id": self.thread_id,
            "previous_thread_id": self.previous_thread_id,
            "standing": None if self.standing is None else _standing_json(self.standing),
            "conversation": None if self.conversation is None else self.conversation.as_json(),
            "form": self.form,
        }

    @staticmethod
    def from_json(document: Mapping[str, Any], *, possible_repeat: bool = False) -> Message:
        origin, standing = document["origin"], document.get("standing")
        conversation = document.get("conversation")
        return Message(
            id=document["id"],
            reason=Reason(document["reason"]),
            at=document["at"],
            project=document["project"],
            group=document["group"],
            labels=document["labels"],
            told=tuple(
                Told(
                    incident=Incident.from_json(item["incident"]),
                    reason=Reason(item["reason"]),
                    actor=item.get("actor"),
                    flapping=_flapping(item.get("flapping")),
                )
                for item in document["told"]
            ),
            more=document["more"],
            totals=document["totals"],
            events=document.get("events", 0),
            most_events=document.get("most_events", 0),
            suppressed=document["suppressed"],
            origin=None if origin is None else Origin(route=origin[0], line=origin[1]),
            note=document["note"],
            thread_id=document["thread_id"],
            previous_thread_id=document["previous_thread_id"],
            standing=None if standing is None else _standing_of(standing),
            conversation=None if conversation is None else Conversation.from_json(conversation),
            possible_repeat=possible_repeat,
            form=document.get("form", 1),
        )


def _flapping(stored: list[int] | None) -> Flapping | None:
    return None if stored is None else Flapping(times=stored[0], since=stored[1])


def _standing_json(standing: EpisodeSummary) -> dict[str, Any]:
    counts = {name: getattr(standing, name) for name in ("open", "acknowledged", "resolved", "events")}
    return {**counts, "incidents": [incident.as_json() for incident in standing.incidents]}


def _standing_of(document: Mapping[str, Any]) -> EpisodeSummary:
    incidents = tuple(Incident.from_json(incident) for incident in document["incidents"])
    return EpisodeSummary(**{**document, "incidents": incidents})


def by_weight(told: Iterable[Told]) -> tuple[Told, ...]:
    """Items in the order in which they are shown: unresolved first, then by severity, then by number of events."""
    return tuple(sorted(told, key=lambda item: weight(item.incident)))


def weight(incident: Incident) -> tuple[bool, int, int, bool, int]:
    """The sort key of an incident; the most important one comes first.

    Ties are broken in favour of unacknowledged incidents, then of the one that opened first.
    """
    state = incident.state
    return (
        state is State.RESOLVED,
        -incident.severity.rank,
        -incident.count,
        state is not State.OPEN,
        incident.number,
    )


def leading(reasons: Mapping[str, int] | set[Reason]) -> Reason | None:
    """The leading one of several reasons: the first in the order of precedence."""
    present = {str(reason) for reason in reasons}
    return next((reason for reason in PRECEDENCE if reason.value in present), None)
