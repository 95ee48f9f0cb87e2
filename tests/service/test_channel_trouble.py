"""What `notifier test-channel` says where a channel cannot deliver, through the whole service."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import yaml

from notifier.testing import FakeSlack, SmtpServer, WebhookReceiver
from tests.authority import EXPIRED, Authority
from tests.processes import Service
from tests.sockets import answering


def mail(server_port: int, **smtp: Any) -> dict[str, Any]:
    return {
        "type": "email",
        "smtp": {"host": "127.0.0.1", "port": server_port, **smtp},
        "from": '"Alerts, Billing" <notifier@example.com>',
        "to": "ann@example.com",
    }


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


@pytest.fixture
def service(tmp_path: Path, authority: Authority) -> Iterator[Service]:
    """A service with a channel for each trouble, and one that has none."""
    other = tmp_path / "other"
    other.mkdir()
    with ExitStack() as stack:
        strict = stack.enter_context(SmtpServer(strict_hello=True))
        plain = stack.enter_context(SmtpServer())
        expired = stack.enter_context(SmtpServer(tls=authority.serving(days=EXPIRED)))
        implicit = stack.enter_context(SmtpServer(tls=authority.serving(), implicit=True))
        unknown = stack.enter_context(SmtpServer(tls=Authority(other).serving(), implicit=True))
        hook = stack.enter_context(WebhookReceiver(tls=authority.serving("hooks.example.com")))
        slack = stack.enter_context(FakeSlack(channels=("#other",)))
        bot = {"type": "slack", "token": slack.token, "base_url": slack.base_url, "channel": "#oncall"}
        channels = {
            "good": mail(strict.port),
            "secure": mail(implicit.port, tls="implicit", ca_file=authority.file.name),
            "greeted-wrongly": mail(strict.port, hello="localhost"),
            "expired": mail(expired.port, tls="starttls", ca_file=authority.file.name),
            "unknown": mail(unknown.port, tls="implicit"),
            "in-the-clear": mail(plain.port, tls="implicit", ca_file=authority.file.name),
            "hangs-up": mail(stack.enter_context(answering(lambda _: None))),
            "misnamed": {"type": "webhook", "url": hook.url},
            "slack": bot,
        }
        settings = {
            "server": {"url": "https://alerts.example.com"},
            "channels": channels,
            "route": {"channels": ["good"]},
            "delivery": {"allow_private_addresses": True},
        }
        environ = {"SSL_CERT_FILE": str(authority.file)}
        stack.enter_context(running := Service(tmp_path, settings, environ=environ))
        running.strict = strict  # type: ignore[attr-defined]
        yield running


WORDS = {
    "greeted-wrongly": "refused the name that notifier greets it with (EHLO): 504 5.5.2; set `smtp.hello`",
    "expired": "the mail server's certificate has expired: it has to be renewed there",
    "unknown": "from an authority (CA) that is not trusted here: name its certificate in `smtp.ca_file`",
    "in-the-clear": "does not speak TLS on this port: is the port right? Does it want STARTTLS",
    "hangs-up": "closed the connection (at: greeting): is the port right? Does it want implicit TLS",
    "misnamed": "the receiver's certificate is for another name than 127.0.0.1",
    "slack": "channel_not_found: there is no such channel, or it is private and the app is not in it",
}


def test_each_trouble_is_told_with_what_to_do(service: Service) -> None:
    """By the command that people try a channel with."""
    for name, words in WORDS.items():
        done = service.cli("test-channel", name)
        said = done.stdout + done.stderr
        assert done.returncode == 1, said
        assert words in said
    for name in ("good", "secure"):
        done = service.cli("test-channel", name)
        assert done.returncode == 0, done.stdout + done.stderr


def test_a_new_address_of_the_service_is_what_it_is_greeted_by(service: Service) -> None:
    """`server.url` is part of how mail is sent: a reload is enough."""
    strict: SmtpServer = service.strict  # type: ignore[attr-defined]
    assert service.cli("test-channel", "good").returncode == 0
    document = yaml.safe_load(service.config.read_text())
    document["server"]["url"] = "https://other.example.com"
    service.config.write_text(yaml.safe_dump(document))
    with service.client() as client:
        assert client.post("/v1/config/reload").status_code == 200
    assert service.cli("test-channel", "good").returncode == 0
    assert strict.hellos == ["alerts.example.com", "other.example.com"]
    assert strict.mails[-1].message["From"].addresses[0].display_name == "Alerts, Billing"
