"""Messages in twelve situations as golden files, which `NOTIFIER_GOLDEN=write` rewrites."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import jsonschema_rs
import pytest

from notifier.channels import console, email, webhook
from notifier.channels.payloads import alertmanager, cloudevents, pagerduty
from notifier.channels.slack import blocks
from notifier.domain.delivery import Thread
from notifier.domain.message import Message
from notifier.domain.value import replace
from notifier.testing import slack_complaint
from notifier.wording import RenderOptions
from tests.channels.situations import SITUATIONS, URL

GOLDEN = Path(__file__).parent / "golden"
WRITE = os.environ.get("NOTIFIER_GOLDEN") == "write"
SENDER = email.parse_address("Notifier <notifier@example.com>")
BERLIN = RenderOptions(zone=ZoneInfo("Europe/Berlin"))
OPTIONS = blocks.BlockOptions(buttons=True, time_zone="Europe/Berlin")


def mail(told: Message) -> Any:
    raw = email.payload(
        told,
        sender=SENDER,
        recipient="oncall@example.com",
        thread=Thread(id=told.thread_id or "t"),
        options=BERLIN,
    )
    return message_from_bytes(raw.replace(b"\r\n", b"\n"), policy=policy.default)


def mail_text(told: Message) -> str:
    """The headers as a mail program shows them, and the text."""
    parsed = mail(told)
    head = "\n".join(f"{name}: {value}" for name, value in parsed.items())
    return f"{head}\n\n{parsed.get_body(('plain',)).get_content()}"


def mail_html(told: Message) -> str:
    html: str = mail(told).get_body(("html",)).get_content()
    return html


def slack(told: Message) -> str:
    told = replace(told, actions=())
    body = blocks.payload(told, OPTIONS) if told.group is None else blocks.root(told, OPTIONS)
    return json.dumps(body, indent=1, ensure_ascii=False) + "\n"


def posted(payload: Callable[..., bytes], **options: Any) -> Callable[[Message], str]:
    """The body of a webhook in one of its formats."""
    return lambda told: json.dumps(json.loads(payload(told, **options)), indent=1, ensure_ascii=False) + "\n"


# By kind and file.
FORMS: Mapping[tuple[str, str], Callable[[Message], str]] = {
    ("email", "mail.txt"): mail_text,
    ("email", "mail.html"): mail_html,
    ("slack", "slack.json"): slack,
    ("console", "console.txt"): lambda told: console.payload(replace(told, actions=()), BERLIN),
    ("webhook", "webhook.json"): posted(webhook.payload),
    ("webhook", "alertmanager-v4.json"): posted(alertmanager.payload, receiver="ops", url=URL),
    ("webhook", "pagerduty-v2.json"): posted(pagerduty.payload, routing_key="R0UT1NG"),
    ("webhook", "cloudevents.json"): posted(cloudevents.payload, url=URL),
}


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form[1])
@pytest.mark.parametrize("situation", SITUATIONS)
def test_what_people_are_shown(situation: str, form: tuple[str, str]) -> None:
    """The message equals its golden file."""
    path = GOLDEN / situation / form[1]
    shown = FORMS[form](SITUATIONS[situation])
    if WRITE:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(shown, encoding="utf-8")
    assert shown == path.read_text(encoding="utf-8")


@pytest.mark.parametrize("situation", SITUATIONS)
def test_every_receivers_limits_are_kept(situation: str) -> None:
    """Slack's limits, and a webhook's size and schema, are kept."""
    told = SITUATIONS[situation]
    for body in (blocks.payload(told, OPTIONS), blocks.root(told, OPTIONS), blocks.reply(told, OPTIONS)):
        assert slack_complaint(body) is None
    native = webhook.payload(told)
    assert len(native) < webhook.CAP
    jsonschema_rs.validator_for(webhook.schema()).validate(json.loads(native))
