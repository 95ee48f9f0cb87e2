"""Each field of a message is shown by each kind, or listed here with the reason why it is not."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from types import SimpleNamespace
from typing import Any, cast

import pytest

from notifier.channels import console, email, webhook
from notifier.channels.base import Toolbox
from notifier.channels.kinds import BUILT_IN
from notifier.channels.slack import blocks
from notifier.domain.delivery import Thread
from notifier.domain.incident import Incident
from notifier.domain.message import ActionLink, Conversation, EpisodeSummary, Flapping, Message, Origin, Told
from notifier.domain.notification import Reason
from notifier.domain.severity import Severity
from notifier.domain.state import State
from notifier.domain.time import HOUR
from notifier.domain.value import replace
from notifier.ingest.schema import EventBody, ExceptionBody
from notifier.testing.messages import AT, EVENT, incident, message, several

SENDER = email.parse_address("Notifier <notifier@example.com>")


def _mail(told: Message) -> str:
    thread = Thread(id=told.thread_id)
    return email.payload(told, sender=SENDER, recipient="ann@example.com", thread=thread).decode()


def _slack(told: Message) -> str:
    look = blocks.BlockOptions(buttons=True)
    return json.dumps([blocks.payload(told), blocks.root(told, look), blocks.reply(told)])


def _webhook(told: Message) -> str:
    options = webhook.WebhookSettings.model_validate({"url": "https://hooks.example.com"})
    clock = SimpleNamespace(now=lambda: AT)
    channel = webhook.WebhookChannel(options, cast("Toolbox", SimpleNamespace(clock=clock, url=None)))
    body = webhook.payload(told)
    return f"{channel._headers(told.id, body)}{body.decode()}"


KINDS: Mapping[str, Callable[[Message], str]] = {
    "email": _mail,
    "slack": _slack,
    "webhook": _webhook,
    "console": console.payload,
}

ORIGIN = Origin(route="default", line="notifier.yaml:3")
STANDING = EpisodeSummary(open=2, acknowledged=1, resolved=1, events=9, incidents=(incident(),))
TOLD = Told(incident=incident(), reason=Reason.OPENED)
LINK = ActionLink(incident_id="0192f0c1", action="resolve", url="https://notifier.example.com/actions/x")
BASE = message(origin=ORIGIN, standing=STANDING, told=(*several(2).told, TOLD))

# Another value for each field, which must change the text.
OTHER: Mapping[str, Any] = {
    "id": "another",
    "reason": Reason.FALLBACK,
    "at": AT + HOUR,
    "project": "another",
    "group": "another",
    "labels": {"service": "another"},
    "told": (replace(TOLD, incident=incident(title="another")),),
    "more": 7,
    "totals": {"opened": 70},
    "suppressed": 7,
    "origin": replace(ORIGIN, route="another"),
    "note": "another",
    "thread_id": "another",
    "previous_thread_id": "another",
    "standing": replace(STANDING, open=7),
    "possible_repeat": True,
    "events": 70,
    "most_events": 10_000_000,
    "conversation": Conversation(number=1, subject="another", severity=Severity.CRITICAL),
    "actions": (LINK,),
    "form": 1,
}

_ITS_OWN = "a receiver's own: a person sees the message that this belongs to"
_STORED = "says how the message was stored, nothing about the incident"
_PEOPLE = "for people: a program reads the incidents"
WAIVED: Mapping[str, Mapping[str, str]] = {
    "id": {"slack": _ITS_OWN, "console": _ITS_OWN},
    "labels": {"webhook": "each incident has its labels"},
    "project": {"webhook": "each incident has its project", "slack": "a Slack channel belongs to a team"},
    "thread_id": {"console": "lines have no threads"},
    "previous_thread_id": {
        "email": "each episode is a mail thread of its own",
        "console": "lines have no threads",
        "slack": "the sender links the episode before by its reference",
    },
    "totals": {"webhook": "counted by who reads it: `incidents` and `truncated`"},
    "events": {"webhook": "each incident has its count"},
    "most_events": {"webhook": _PEOPLE},
    "conversation": {"slack": "its root is edited instead", "webhook": "its thread_id stays"},
    "origin": {"webhook": _PEOPLE},
    "standing": {"webhook": "each incident has its state"},
    "possible_repeat": {"webhook": "the body is the same bytes on every retry"},
    "actions": {"webhook": "a link acts in the name of one person"},
    "form": {"email": _STORED, "slack": _STORED, "console": _STORED},
}


def test_every_kind_and_every_field_is_asked() -> None:
    """Every kind and every field is listed."""
    assert KINDS.keys() == BUILT_IN.keys()
    assert OTHER.keys() == set(Message.__struct_fields__)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("field", OTHER)
def test_a_field_is_shown_or_waived(kind: str, field: str) -> None:
    """Another value of the field changes the message, unless a reason is listed."""
    show = KINDS[kind]
    changed = show(replace(BASE, **{field: OTHER[field]})) != show(BASE)
    assert changed != (kind in WAIVED.get(field, {}))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("reason", Reason)
def test_what_a_message_is_about_is_said(kind: str, reason: Reason) -> None:
    """A failed channel, a digest's counts, an escalation's cause and a refused reload are mentioned."""
    told = message(reason=reason, told=(replace(TOLD, reason=reason),), note="Delivery through x is dead")
    assert "Delivery through x is dead" in KINDS[kind](told)


OF_TOLD: Mapping[str, Any] = {
    "reason": Reason.SEVERITY_RAISED,
    "actor": "another",
    "flapping": Flapping(times=7, since=AT - HOUR),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("field", OF_TOLD)
def test_what_is_said_of_a_telling_is_shown(kind: str, field: str) -> None:
    """The reason, the actor and flapping are shown to people and to programs."""
    over = replace(TOLD, incident=incident(state=State.RESOLVED, resolved_at=AT), reason=Reason.RESOLVED)
    shows = [
        KINDS[kind](message(told=(replace(over, **changes),))) for changes in ({}, {field: OF_TOLD[field]})
    ]
    assert set(OF_TOLD) | {"incident"} == set(Told.__struct_fields__)
    assert shows[0] != shows[1]


# The same for an incident and its newest event: other values, and kinds that do not show them.
OF_AN_INCIDENT: Mapping[str, Any] = {
    "id": "another",
    "number": 7,
    "project": "another",
    "environment": "another",
    "fingerprint": "another",
    "title": "another",
    "state": State.RESOLVED,
    "severity": Severity.CRITICAL,
    "labels": {"service": "billing", "environment": "production", "release": "1.4.2", "region": "eu-west-1"},
    "varying": ("host",),
    "count": 7,
    "first_seen": AT - 2 * HOUR,
    "last_seen": AT + HOUR,
    "acknowledged_by": "ann",
    "resolved_at": AT + HOUR,
    "previous_id": "another",
    "url": "https://notifier.example.com/incidents/7",
    "latest_event": None,
}

_PROGRAMS = "for programs: a person has the number, the link and the title"
_OF_THE_MESSAGE = "the message has it"
WAIVED_OF_AN_INCIDENT: Mapping[str, Mapping[str, str]] = {
    "id": dict.fromkeys(("email", "slack", "console"), _PROGRAMS),
    "fingerprint": dict.fromkeys(("email", "slack", "console"), _PROGRAMS),
    "project": dict.fromkeys(("email", "slack", "console"), _OF_THE_MESSAGE),
    "environment": dict.fromkeys(("email", "slack", "console"), "its label of that name"),
    "previous_id": dict.fromkeys(("email", "slack", "console"), "`Back again` says it"),
    "resolved_at": dict.fromkeys(("email", "slack", "console"), "of what is open there is none"),
    "acknowledged_by": dict.fromkeys(("email", "slack", "console"), "of what is open there is nobody"),
}

FRAME = {
    "file": "billing/tasks.py",
    "function": "charge",
    "line": 88,
    "code": "await gateway.charge(order)",
    "in_app": True,
}
EXCEPTION: Mapping[str, Any] = {
    "type": "TimeoutError",
    "module": "builtins",
    "message": "upstream timed out after 30s\nDETAIL: three tries",
    "frames": [{**FRAME, "function": "main"}, FRAME, {**FRAME, "in_app": False}],
    "cause": {"type": "OSError", "message": "refused", "frames": [], "cause": None, "notes": []},
    "notes": ["a note"],
}
OF_AN_EVENT: Mapping[str, Any] = {
    "id": "another",
    "timestamp": "2026-11-22T04:00:00Z",
    "service": "another",
    "environment": "another",
    "release": "another",
    "host": "another",
    "severity": "critical",
    "message": "another",
    "exception": None,
    "task": {"id": "t", "name": "another", "attempt": 1, "max_attempts": 3},
    "labels": {"region": "another"},
    "context": {"another": 1},
    "trace_id": "another",
    "fingerprint": ["another"],
    "links": [{"title": "runbook", "url": "https://wiki.example.com/another"}],
    "status": "resolved",
}
_OF_THE_INCIDENT = "the incident has it, over all of its events"
WAIVED_OF_AN_EVENT: Mapping[str, str] = {
    "id": "one of many that the incident counts",
    "timestamp": "the incident says when the last came",
    **dict.fromkeys(
        ("service", "environment", "release", "host", "severity", "labels", "status"), _OF_THE_INCIDENT
    ),
    "task": "the label `task` of the incident",
    "trace_id": _PROGRAMS,
    "fingerprint": _PROGRAMS,
}
OF_AN_EXCEPTION: Mapping[str, Any] = {
    "type": "another",
    "module": "another",
    "message": "upstream timed out after 30s\nDETAIL: another",
    "frames": [{**FRAME, "function": "another"}],
    "cause": {"type": "OSError", "message": "another", "frames": []},
    "notes": ["another"],
}
WAIVED_OF_AN_EXCEPTION = {"type": "the title begins with it", "module": "the title has the type"}
PEOPLE = sorted(set(KINDS) - {"webhook"})


def told_of(**changes: Any) -> Message:
    return message(told=(replace(TOLD, incident=incident(**changes)),))


def told_with(**changes: Any) -> Message:
    """A message whose event has every field."""
    return told_of(latest_event={**EVENT, "exception": EXCEPTION, **changes})


def test_every_field_of_an_incident_and_of_an_event_is_asked() -> None:
    """Every field of the documented incident and event is listed."""
    assert OF_AN_INCIDENT.keys() == set(Incident.__struct_fields__)
    assert OF_AN_EVENT.keys() == set(EventBody.__struct_fields__)
    assert OF_AN_EXCEPTION.keys() == set(ExceptionBody.__struct_fields__)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("field", OF_AN_INCIDENT)
def test_a_field_of_an_incident_is_shown_or_waived(kind: str, field: str) -> None:
    """Every kind shows the field or lists a reason; webhooks have all fields."""
    changed = KINDS[kind](told_of(**{field: OF_AN_INCIDENT[field]})) != KINDS[kind](told_of())
    assert changed != (kind in WAIVED_OF_AN_INCIDENT.get(field, {}))


@pytest.mark.parametrize("kind", PEOPLE)
@pytest.mark.parametrize("field", OF_AN_EVENT)
def test_a_field_of_an_event_reaches_people_or_is_waived(kind: str, field: str) -> None:
    """Links, context, message and exception reach people."""
    changed = KINDS[kind](told_with(**{field: OF_AN_EVENT[field]})) != KINDS[kind](told_with())
    assert changed != (field in WAIVED_OF_AN_EVENT)


@pytest.mark.parametrize("kind", PEOPLE)
@pytest.mark.parametrize("field", OF_AN_EXCEPTION)
def test_a_field_of_an_exception_reaches_people_or_is_waived(kind: str, field: str) -> None:
    """An exception's message lines, own frames, cause and notes reach people."""
    another = told_with(exception={**EXCEPTION, field: OF_AN_EXCEPTION[field]})
    assert (KINDS[kind](another) != KINDS[kind](told_with())) != (field in WAIVED_OF_AN_EXCEPTION)


def test_a_program_has_the_whole_event() -> None:
    """A webhook has the event as posted, if it fits."""
    body = json.loads(webhook.payload(told_with()))
    assert body["data"]["incidents"][0]["latest_event"] == {**EVENT, "exception": EXCEPTION}


@pytest.mark.parametrize("kind", sorted(set(KINDS) - {"webhook"}))
def test_people_hear_who_did_it(kind: str) -> None:
    """A webhook has who acknowledged; other acts are in the timeline."""
    told = Told(incident=incident(state=State.RESOLVED, resolved_at=AT), reason=Reason.RESOLVED, actor="ann")
    assert "by ann" in KINDS[kind](message(told=(told,), reason=Reason.RESOLVED))
