"""The whole way: one `curl`, three messages; a storm, and still three; and the exact count in the next."""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from standardwebhooks import Webhook

from notifier.testing import FakeSlack, Mail, Request, SmtpServer, WebhookReceiver
from tests.processes import Service, eventually

SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()
LINKS = "https://notifier.example.com"
STORM = 10_000
EVENT: dict[str, Any] = {
    "service": "billing",
    "environment": "production",
    "release": "1.4.2",
    "host": "worker-3",
    "severity": "error",
    "message": "could not charge order 1842",
    "exception": {
        "type": "TimeoutError",
        "module": "builtins",
        "message": "upstream timed out after 30s",
        "frames": [
            {"file": "billing/tasks.py", "function": "charge", "line": 88, "code": "await gateway.charge(order)",
             "in_app": True},
            {"file": "asyncio/timeouts.py", "function": "__aexit__", "line": 115, "in_app": False},
        ],
    },
    "fingerprint": ["charge"],
    "labels": {"region": "eu-west-1"},
    "context": {"order_id": 1842},
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Install:
    """A service with one receiver of each kind."""

    service: Service
    mail: SmtpServer
    slack: FakeSlack
    hook: WebhookReceiver

    def counts(self) -> tuple[int, int, int]:
        return len(self.mail.mails), len(self.slack.posted), len(self.hook.requests)

    def wait_for(self, each: int) -> tuple[Mail, dict[str, Any], Request]:
        """The newest message of each receiver, once each has `each`."""
        eventually(lambda: self.counts() == (each, each, each))
        return self.mail.mails[-1], self.slack.posted[-1], self.hook.requests[-1]


@pytest.fixture
def repeat_interval() -> str:
    return "1h"


@pytest.fixture
def install(tmp_path: Path, repeat_interval: str) -> Iterator[Install]:
    with ExitStack() as stack:
        mail, slack, hook = (
            stack.enter_context(SmtpServer()),
            stack.enter_context(FakeSlack()),
            stack.enter_context(WebhookReceiver()),
        )
        settings = {
            "server": {"url": LINKS},
            "channels": {
                "team-mail": {
                    "type": "email",
                    "smtp": {"host": "127.0.0.1", "port": mail.port, "tls": "none"},
                    "from": "Notifier <notifier@example.com>",
                    "to": ["oncall@example.com"],
                },
                "oncall-slack": {
                    "type": "slack", "token": slack.token, "channel": "#oncall", "base_url": slack.base_url,
                },
                "audit": {"type": "webhook", "url": hook.url, "secret": SECRET},
            },
            "fallback": "audit",
            "route": {
                "channels": ["team-mail", "oncall-slack", "audit"],
                "group_wait": "0s",
                "group_interval": "1s",
                "repeat_interval": repeat_interval,
            },
            "delivery": {"allow_private_addresses": True},
        }  # fmt: skip
        service = stack.enter_context(Service(tmp_path, settings))
        yield Install(service=service, mail=mail, slack=slack, hook=hook)


def curl(service: Service, event: Any) -> dict[str, Any]:
    """Post with the real program, or, where there is none, with httpx."""
    if shutil.which("curl") is None:
        return dict(service.post(event).json())
    done = subprocess.run(
        ["curl", "-sS", "-H", f"Authorization: Bearer {service.key}", f"{service.url}/v1/events", "-d", "@-"],
        input=json.dumps(event).encode(),
        capture_output=True,
        check=True,
        timeout=30,
    )
    return dict(json.loads(done.stdout))


def storm(service: Service, count: int, event: dict[str, Any] = EVENT) -> None:
    """`count` equal events, a thousand a request."""
    batch = json.dumps([event] * 1_000)
    with service.client() as client:
        for _ in range(count // 1_000):
            answer = client.post("/v1/events", content=batch)
            assert answer.status_code == 202, answer.text
            assert len(answer.json()["results"]) == 1_000


def verified(request: Request) -> dict[str, Any]:
    """The body, once the reference library of Standard Webhooks has verified its signature."""
    document: dict[str, Any] = Webhook(SECRET).verify(request.body, dict(request.headers))
    return document


def slack_text(posted: dict[str, Any]) -> str:
    """Everything that a person sees of a Slack message."""
    shown = [posted["text"]]
    for block in posted["blocks"]:
        parts = [block.get("text"), *block.get("fields", []), *block.get("elements", [])]
        shown += [part["text"] for part in parts if part]
    return "\n".join(shown)


def test_one_curl_is_three_messages_and_a_storm_is_no_more(install: Install) -> None:
    """One post reaches a mailbox, a Slack channel and a webhook; 10,000 equal ones are only counted."""
    service = install.service
    posted = curl(service, EVENT)
    assert posted["status"] == "accepted"
    assert posted["warnings"] == []

    mail, slack, hook = install.wait_for(1)
    incident = service.get(f"/v1/incidents/{posted['incident_id']}")
    link = f"{LINKS}/incidents/{incident['number']}?id={incident['id']}"
    body = verified(hook)
    assert hook.headers["webhook-id"] == service.items("/v1/deliveries", channel="audit")[0]["id"]
    assert body["type"] == "incident.opened"
    assert body["version"] == 1
    [told] = body["data"]["incidents"]
    assert told["reason"] == "opened"
    assert told["count"] == 1
    assert told["url"] == link
    assert told["latest_event"]["exception"]["frames"][0]["file"] == "billing/tasks.py"
    assert body["data"]["suppressed"] == 0

    assert mail.recipients == ("oncall@example.com",)
    assert mail.message["Auto-Submitted"] == "auto-generated"
    since = incident["first_seen"][:16].replace("T", " ")
    for text in (mail.text, mail.html, slack_text(slack)):
        for fact in (
            "TimeoutError: upstream timed out after 30s",  # what
            "billing", "production", "1.4.2",  # where
            since,  # since when
            "1 time",  # how often
            "billing/tasks.py:88",  # the top frame that is the application's own
            "a new incident opened",  # why
            link,
        ):  # fmt: skip
            assert fact in text, (fact, text)

    storm(service, STORM)
    time.sleep(1.5)  # longer than group_interval: what would be told of them is told by now
    assert install.counts() == (1, 1, 1)
    assert service.get(f"/v1/incidents/{posted['incident_id']}")["count"] == STORM + 1

    curl(service, {"service": "billing", "fingerprint": ["charge"], "status": "resolved"})
    mail, slack, hook = install.wait_for(2)
    body = verified(hook)
    [told] = body["data"]["incidents"]
    total = told["count"]
    assert body["type"] == "incident.resolved"
    assert told["state"] == "resolved"
    assert total == service.get(f"/v1/incidents/{posted['incident_id']}")["count"]
    assert total in {STORM + 1, STORM + 2}  # the resolving event may count as one
    assert body["data"]["suppressed"] == total - 1
    for text in (mail.text, mail.html, slack_text(slack)):
        assert f"{total:,} times" in text
        assert "further events are included" in text
        assert "it was resolved" in text
    assert slack["thread_ts"] == "1700000000.000001"
    assert install.mail.mails[0].message["Subject"] == mail.message["Subject"]
    assert mail.message["References"] == install.mail.mails[0].message["References"]

    books = service.settle()
    assert books["delivered"] == 6
    assert books["accepted"] == books["counted"] == total


@pytest.mark.parametrize("repeat_interval", ["4s"])
def test_what_goes_on_is_told_again_with_the_exact_count(install: Install) -> None:
    """After `repeat_interval` one message says how often it happened, and how many of that were not told."""
    curl(install.service, EVENT)
    install.wait_for(1)
    storm(install.service, STORM)

    def told() -> bool:
        counted = verified(install.hook.requests[-1])["data"]["incidents"][0]["count"] == STORM + 1
        shown = (
            install.mail.mails[-1].text,
            install.mail.mails[-1].html,
            slack_text(install.slack.posted[-1]),
        )
        return counted and all("10,001 times" in text and "further events" in text for text in shown)

    eventually(told)
    # Two, and more where the storm took longer than the interval.
    messages = install.counts()
    repeats = [verified(request) for request in install.hook.requests[1:]]
    assert {(body["type"], body["data"]["incidents"][0]["reason"]) for body in repeats} == {
        ("incident.repeated", "repeated")
    }
    assert repeats[-1]["data"]["incidents"][0]["count"] == STORM + 1
    assert sum(body["data"]["suppressed"] for body in repeats) == STORM

    time.sleep(5)  # nothing came since: silence, and no further message
    assert install.counts() == messages
    held = install.service.items("/v1/groups")
    assert [group["held"] for group in held] in ([{"waiting": 1}], [])
    assert install.service.settle()["accepted"] == STORM + 1


def test_the_fallback_is_told_what_another_channel_could_not(tmp_path: Path) -> None:
    """A channel that is down costs the others nothing, and the fallback gets the alert under a line that says why."""
    with SmtpServer() as mail, WebhookReceiver() as hook:
        settings = {
            "channels": {
                "gone": {"type": "webhook", "url": "http://127.0.0.1:9/down"},
                "audit": {"type": "webhook", "url": hook.url, "secret": SECRET},
                "team-mail": {
                    "type": "email",
                    "smtp": {"host": "127.0.0.1", "port": mail.port, "tls": "none"},
                    "from": "notifier@example.com",
                    "to": ["oncall@example.com"],
                },
            },
            "fallback": "audit",
            "route": {"channels": ["gone", "team-mail"], "group_wait": "0s"},
            "delivery": {"allow_private_addresses": True, "fallback_after": "1s"},
        }
        with Service(tmp_path, settings) as service:
            service.post(EVENT)
            mail.wait_for(1)
            [request] = hook.wait_for(1)
            body = verified(request)
            assert body["type"] == "incident.fallback"
            assert body["data"]["incidents"][0]["title"] == "TimeoutError: upstream timed out after 30s"
            told = service.wait_delivery("audit", "delivered")
            assert told["reason"] == "fallback"
            assert service.wait_delivery("gone", "pending", outcome="transient")["attempts"]
            assert service.accounting()["balanced"]


def test_a_service_that_is_not_ready_says_so_and_health_needs_no_key(install: Install) -> None:
    """`/healthz` and `/readyz` answer without a key; what holds data does not."""
    url = install.service.url
    assert httpx.get(f"{url}/healthz").status_code == 200
    assert httpx.get(f"{url}/readyz").status_code == 200
    assert httpx.get(f"{url}/v1/incidents").status_code == 401
