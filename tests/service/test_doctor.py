"""`notifier doctor` against real receivers: what each trouble is called, and that nobody is told anything."""

from __future__ import annotations

import json
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from notifier.testing import FakeSlack, SmtpServer, WebhookReceiver
from tests.authority import Authority
from tests.processes import Service
from tests.sockets import free_port


def mail(port: int, authority: Authority, password: str = "right") -> dict[str, Any]:
    login = {"username": "notifier", "password": password, "ca_file": str(authority.file)}
    smtp = {"host": "127.0.0.1", "port": port, "tls": "starttls", **login}
    return {
        "type": "email",
        "smtp": smtp,
        "from": "n@example.com",
        "to": ["ann@example.com", "gone@example.com"],
    }


def test_each_channel_is_looked_at_and_nobody_is_told(tmp_path: Path) -> None:
    """What works, and what does not, in words; and the key, the fallback and the address that are wanting."""
    authority = Authority(tmp_path)
    with ExitStack() as stack:
        smtp = stack.enter_context(SmtpServer(tls=authority.serving(), login=("notifier", "right")))
        slack = stack.enter_context(FakeSlack(channels=("a", "b", "c")))
        hook = stack.enter_context(WebhookReceiver())
        smtp.refuse["gone@example.com"] = "550 5.1.1 no such user"
        slack.archived, slack.uninvited = {"C001"}, {"C002"}
        bot = {"type": "slack", "token": slack.token, "base_url": slack.base_url}
        channels: dict[str, Any] = {
            "mail": mail(smtp.port, authority),
            "mistyped": mail(smtp.port, authority, "wrong-password"),
            "hook": {"type": "webhook", "url": hook.url},
            "closed": {"type": "webhook", "url": f"http://127.0.0.1:{free_port()}/"},
            "unknown": {"type": "webhook", "url": "https://hooks.invalid/"},
            "link-local": {"type": "webhook", "url": "http://169.254.169.254/"},
            "oncall": {**bot, "channel": "C000"},
            "archived": {**bot, "channel": "C001"},
            "elsewhere": {**bot, "channel": "C002"},
            "named": {**bot, "channel": "#oncall"},
            "revoked": {**bot, "token": "xoxb-other", "channel": "C000"},
            "out": {"type": "console"},
        }
        settings = {
            "channels": channels,
            "route": {"channels": sorted(channels)},
            "delivery": {"allow_private_addresses": True},
        }
        service = stack.enter_context(Service(tmp_path, settings))
        done, shown = service.cli("doctor", "--json"), service.cli("doctor").stdout
        assert (hook.requests, slack.posted, smtp.mails) == ([], [], [])
        assert service.accounting()["created"] == 0
    assert done.returncode == 1, done.stderr
    found = json.loads(done.stdout)["items"]
    by = {item["subject"].partition(" (")[0]: item for item in found if item["area"] == "channel"}
    mails = {item["subject"]: item for item in found if item["subject"].startswith("mail (")}
    assert mails["mail (ann@example.com)"]["level"] == "ok", mails
    assert "took the login" in mails["mail (ann@example.com)"]["text"]
    assert "no such mailbox" in mails["mail (gone@example.com)"]["text"]
    fine = {name for name, item in by.items() if item["level"] == "ok"}
    assert fine == {"hook", "oncall", "named", "out"}
    for name, words in {
        "mistyped": "535",
        "closed": "refused the connection",
        "unknown": "could not be resolved",
        "link-local": "address policy",
        "archived": "is archived",
        "elsewhere": "/invite",
        "revoked": "invalid_auth",
    }.items():
        assert words in by[name]["text"], by[name]
        assert f"notifier test-channel {name}" in by[name]["action"]
    warned = {item["subject"] for item in found if item["level"] == "warning"}
    assert warned >= {"server.url", "fallback", "first"}
    assert "PROBLEM  channel, elsewhere" in shown
    for secret in (slack.token, "xoxb-other", "wrong-password"):
        assert secret not in shown + done.stdout


@pytest.mark.parametrize(
    ("url", "level", "words"),
    [
        ("http://127.0.0.1:{port}", "ok", "leads to the service"),
        ("http://127.0.0.1:{other}", "problem", "something else answers"),
        ("http://127.0.0.1:{closed}", "problem", "does not answer from here"),
    ],
)
def test_where_server_url_leads(tmp_path: Path, url: str, level: str, words: str) -> None:
    """To this service, to somebody else, or nowhere."""
    with WebhookReceiver() as other:
        port = free_port()
        address = url.format(port=port, other=other.port, closed=free_port())
        settings = {
            "server": {"url": address, "port": port},
            "channels": {"out": {"type": "console"}, "more": {"type": "console"}},
            "fallback": "more",
            "route": {"channels": ["out"]},
        }
        service = Service(tmp_path, settings)
        service.port, service.url = port, f"http://127.0.0.1:{port}"
        with service:
            done = service.cli("doctor", "--json")
    [found] = [item for item in json.loads(done.stdout)["items"] if item["area"] == "proxy"]
    assert (found["level"], words in found["text"]) == (level, True), found
    streams = [item["level"] for item in json.loads(done.stdout)["items"] if item["area"] == "stream"]
    assert streams == (["ok"] if level == "ok" else [])
    assert done.returncode == (0 if level == "ok" else 1)


def test_a_service_that_is_not_there(tmp_path: Path) -> None:
    """Status 3 and a sentence."""
    service = Service(tmp_path, {"channels": {"out": {"type": "console"}}, "route": {"channels": ["out"]}})
    done = service.cli("doctor", key="ntf_" + "x" * 40)
    assert done.returncode == 3
    assert service.url in done.stderr
