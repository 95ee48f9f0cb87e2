"""Each field of a message is shown by each kind of channel, or named here with the reason why it is not."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import fields, replace
from types import SimpleNamespace
from typing import Any, cast

import pytest

from notifier.channels import console, email, slack, webhook
from notifier.channels.base import Toolbox
from notifier.channels.kinds import BUILT_IN
from notifier.channels.slack import blocks
from notifier.domain.delivery import Thread
from notifier.domain.event import Severity
from notifier.domain.incident import Incident, State
from notifier.domain.message import ActionLink, Message, Origin, Standing, Told
from notifier.domain.notification import Reason
from notifier.domain.time import HOUR
from tests.channels.examples import AT, incident, message, several

SENDER = email.parse_address("Notifier <notifier@example.com>")


def _mail(told: Message) -> str:
    thread = Thread(id=told.thread_id)
    return email.payload(told, sender=SENDER, recipient="ann@example.com", thread=thread).decode()


def _slack(told: Message) -> str:
    look = blocks.Look(buttons=True)
    return json.dumps([slack.payload(told), blocks.root(told, look), blocks.reply(told)])


def _webhook(told: Message) -> str:
    options = webhook.WebhookSettings.model_validate({"url": "https://hooks.example.com"})
    clock = SimpleNamespace(now=lambda: AT)
    channel = webhook.WebhookChannel(options, cast("Toolbox", SimpleNamespace(clock=clock)))
    body = webhook.payload(told)
    return f"{channel._headers(told.id, body)}{body.decode()}"


KINDS: Mapping[str, Callable[[Message], str]] = {
    "email": _mail,
    "slack": _slack,
    "webhook": _webhook,
    "console": console.payload,
}

ORIGIN = Origin(route="default", line="notifier.yaml:3")
STANDING = Standing(open=2, acknowledged=1, resolved=1, events=9, incidents=(incident(),))
TOLD = Told(incident=incident(), reason=Reason.OPENED)
LINK = ActionLink(incident_id="0192f0c1", action="resolve", url="https://notifier.example.com/actions/x")
BASE = message(origin=ORIGIN, standing=STANDING, told=(*several(2).told, TOLD))

# The other value that a field may have; what is shown of it makes another text.
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
    "actions": (LINK,),
    "form": 1,
}

_ITS_OWN = "a receiver's own: a person sees the message that this belongs to"
_STORED = "says how the message was stored, nothing about the incident"
_PEOPLE = "for people: a program reads the incidents"
WAIVED: Mapping[str, Mapping[str, str]] = {
    "id": {"slack": _ITS_OWN, "console": _ITS_OWN},
    "at": {"slack": "Slack shows its own time beside each message", "console": "a log has its own time"},
    "group": {"email": _ITS_OWN, "console": _ITS_OWN, "slack": _ITS_OWN},
    "labels": {"webhook": "each incident has its labels"},
    "project": {"webhook": "each incident has its project", "slack": "a Slack channel belongs to a team"},
    "thread_id": {"console": "lines have no threads"},
    "previous_thread_id": {
        "email": "each episode is a mail thread of its own",
        "console": "lines have no threads",
        "slack": "the sender links the episode before by its reference",
    },
    "totals": {"webhook": "counted by who reads it: `incidents` and `truncated`"},
    "origin": {"webhook": _PEOPLE},
    "standing": {"webhook": "each incident has its state"},
    "possible_repeat": {"webhook": "the body is the same bytes on every retry"},
    "actions": {"webhook": "a link acts in the name of one person"},
    "form": {"email": _STORED, "slack": _STORED, "console": _STORED},
}


def test_every_kind_and_every_field_is_asked() -> None:
    """A new kind, and a new field, has to say here what becomes of it."""
    assert KINDS.keys() == BUILT_IN.keys()
    assert OTHER.keys() == {field.name for field in fields(Message)}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("field", OTHER)
def test_a_field_is_shown_or_waived(kind: str, field: str) -> None:
    """Another value makes another message; where it does not, the reason stands above."""
    show = KINDS[kind]
    changed = show(replace(BASE, **{field: OTHER[field]})) != show(BASE)
    assert changed != (kind in WAIVED.get(field, {}))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("reason", Reason)
def test_what_a_message_is_about_is_said(kind: str, reason: Reason) -> None:
    """What failed, what a digest counts, why an escalation rings, what a reload was refused for."""
    told = message(reason=reason, told=(replace(TOLD, reason=reason),), note="Delivery through x is dead")
    assert "Delivery through x is dead" in KINDS[kind](told)


SHOWN_OF_AN_INCIDENT: Mapping[str, Any] = {
    "title": "another",
    "state": State.RESOLVED,
    "severity": Severity.CRITICAL,
    "labels": {"service": "another"},
    "count": 7,
    "first_seen": AT - 2 * HOUR,
    "last_seen": AT + HOUR,
    "url": "https://notifier.example.com/incidents/7",
    "latest_event": {"message": "another"},
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("field", SHOWN_OF_AN_INCIDENT)
def test_what_a_person_needs_of_an_incident_is_shown(kind: str, field: str) -> None:
    """By every kind."""
    shown: Incident = replace(incident(), **{field: SHOWN_OF_AN_INCIDENT[field]})
    assert KINDS[kind](message(told=(replace(TOLD, incident=shown),))) != KINDS[kind](message())


@pytest.mark.parametrize("kind", sorted(set(KINDS) - {"webhook"}))
def test_people_hear_who_did_it(kind: str) -> None:
    """The webhook names who acknowledged it in the incident; its other acts are on the timeline."""
    told = Told(incident=incident(state=State.RESOLVED, resolved_at=AT), reason=Reason.RESOLVED, actor="ann")
    assert "by ann" in KINDS[kind](message(told=(told,), reason=Reason.RESOLVED))
