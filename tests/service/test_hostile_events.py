"""Events that try to write the mail that tells of them, through the whole service."""

from __future__ import annotations

import json
import re
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

import pytest

from notifier.testing import SmtpServer
from tests.processes import Service

ENCODED = (
    "=?utf-8?q?=0d=0aContent-Type:_text/html=0d=0a=0d=0a<a_href=3dhttps://evil.example>sign_in</a><!--?="
)
BROKEN = "a\r\nBcc: eve@example.com\r\n\r\n<b>x</b>\x00\u2028\x85"
FIELDS = (
    "message", "service", "environment", "release", "host", "trace_id", "exception.type", "exception.module",
    "exception.message", "task.name", "labels.name", "labels.value", "links.title", "links.url", "fingerprint",
    "context", "frames",
)  # fmt: skip


def event(field: str, text: str) -> dict[str, Any]:
    """An event with the text in one of its fields."""
    exception: dict[str, Any] = {"type": "ValueError", "message": "no", "frames": []}
    made: dict[str, Any] = {"service": "billing", "message": f"{field} is odd", "fingerprint": [field, text]}
    top, _, inner = field.partition(".")
    match top:
        case "exception":
            made["exception"] = {**exception, inner: text}
        case "frames":
            frame = {"file": text, "function": text, "line": 1, "code": text, "in_app": True}
            made["exception"] = {**exception, "frames": [frame]}
        case "task":
            made["task"] = {"id": "t", "name": text, "attempt": 1, "max_attempts": 1}
        case "labels":
            made["labels"] = {text: "x"} if inner == "name" else {"region": text}
        case "links":
            made["links"] = [{"title": "runbook", "url": "https://wiki.example.com", inner: text}]
        case "fingerprint":
            made["fingerprint"] = [text]
        case "context":
            made["context"] = {text: text}
        case _:
            made[field] = text
    return made


@pytest.mark.parametrize("text", [ENCODED, BROKEN], ids=["encoded", "broken"])
def test_no_field_of_an_event_writes_a_mail(tmp_path: Path, text: str) -> None:
    """Each field in its turn: the mail has the usual headers, one recipient, a text and its HTML."""
    with SmtpServer() as smtp:
        block = {"type": "email", "smtp": {"host": "127.0.0.1", "port": smtp.port}, "from": "n@example.com"}
        settings = {
            "channels": {"mail": {**block, "to": ["ada@example.com"]}},
            "route": {"channels": ["mail"], "group_by": ["incident"], "group_wait": "0s"},
        }
        with Service(tmp_path, settings) as service, service.client() as client:
            usual = [{"service": "billing", "message": "as usual"}]
            events = usual + [event(field, text) for field in FIELDS]
            answer = client.post("/v1/events", content=json.dumps(events))
            results = answer.json()["results"]
            accepted = sum(result["status"] == "accepted" for result in results)
            assert accepted >= len(FIELDS) - 2, results
            mails = smtp.wait_for(accepted, timeout=30)
    assert {mail.recipients for mail in mails} == {("ada@example.com",)}
    heads = {tuple(message_from_bytes(mail.raw, policy=reader).keys())
             for mail in mails for reader in (policy.default, policy.compat32)}  # fmt: skip
    assert len(heads) == 1
    for mail in mails:
        assert [part.get_content_type() for part in mail.message.walk()] == [
            "multipart/alternative", "text/plain", "text/html",
        ]  # fmt: skip
        # Of an event's own a link alone, and nothing else of what it says, can be pressed.
        assert set(re.findall(r'href="([^"]*)"', mail.html)) <= {"https://wiki.example.com"}
        assert mail.html.count("<a ") == mail.html.count(' href="')
        assert not re.search(rb"\r(?!\n)|(?<!\r)\n|\x00", mail.raw)
