"""What the manual shows is tried: its commands, its steps to each channel, and the channel of one's own."""

from __future__ import annotations

import base64
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from standardwebhooks import Webhook

from notifier.channels.signing import signing_key
from notifier.manual.chapters import chapter_at, chapters
from notifier.runtime.configuration import check
from notifier.testing import Answer, FakeSlack, SmtpServer, WebhookReceiver, certificate
from tests.processes import Service
from tests.snippets import ROOT, block_of, blocks, commands, inline_of, run_lines

PASSWORD = "pa55word"
SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()
SECRETS = {
    "SLACK_BOT_TOKEN": "xoxb-test",
    "SLACK_SIGNING_SECRET": "8f742231b10e8888abcd99yyyzzz85a5",
    "SLACK_WEBHOOK_URL": "https://hooks.slack.com/services/T/B/x",
    "AUDIT_SECRET": SECRET,
    "NEW_SECRET": SECRET,
    "OLD_SECRET": "whsec_" + base64.b64encode(bytes(24)).decode(),
}


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A console, and a receiver that answers 410 until it is dead."""
    with WebhookReceiver(default=Answer(status=410)) as gone:
        settings = {
            "channels": {"console": {"type": "console"}, "gone": {"type": "webhook", "url": gone.url}},
            "route": {"channels": ["console", "gone"], "group_wait": "0s", "group_by": ["incident"]},
            "delivery": {"allow_private_addresses": True},
        }
        with Service(tmp_path_factory.mktemp("manual"), settings) as running:
            running.post({"service": "billing", "message": "could not charge order 7"})
            yield running


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("curl") is None, reason="there is no curl")
def test_the_commands_of_every_chapter_do_as_they_say(service: Service) -> None:
    """In order, each chapter with an open incident of its own."""
    by_chapter = {chapter.path: lines for chapter in chapters() if (lines := commands(chapter.text))}
    assert {line.split()[0] for lines in by_chapter.values() for line in lines} == {
        "notifier",
        "curl",
        "export",
    }
    assert len(by_chapter) > 10
    for path, lines in by_chapter.items():
        service.post({"service": "billing", "message": "could not charge order 7", "fingerprint": [path]})
        run_lines(lines, service, incident=service.items("/v1/incidents")[0]["number"])
    assert json.loads((service.folder / "notifier.schema.json").read_text())["$schema"]


def test_the_metrics_that_are_worth_an_alert_are_there(service: Service) -> None:
    """Each that the chapter of monitoring names, in its text and in its rules."""
    text = text_of("guides/monitoring")
    named = set(re.findall(r"\bnotifier_[a-z_]+", text))
    assert len(named) >= 8
    with service.client() as client:
        shown = client.get("/metrics").text
    assert [name for name in named if f"# TYPE {name.removesuffix('_total')}" not in shown] == []


@pytest.mark.parametrize(
    ("path", "start"),
    [
        ("guides/slack", "{type: slack"),
        ("guides/webhook", "secret:"),
        ("guides/webhook", "allow_addresses:"),
        ("guides/channels", "{type: console}"),
    ],
)
def test_what_stands_in_the_text_passes_check(path: str, start: str, tmp_path: Path) -> None:
    text = inline_of(path, start)
    channel = text if text.startswith("{") else f"{{type: webhook, url: https://x.y, {text}}}"
    (tmp_path / "notifier.yaml").write_text(f"channels: {{one: {channel}}}\nroute: {{channels: [one]}}\n")
    assert check(str(tmp_path / "notifier.yaml"), SECRETS)[0] == ()


def test_the_steps_for_email_lead_to_a_mail(tmp_path: Path) -> None:
    """The block as it stands but for host, port and file: STARTTLS, a login, and a mail to each recipient."""
    serving, _ = certificate(tmp_path)
    with SmtpServer(tls=serving, login=("notifier", PASSWORD)) as server:
        (tmp_path / "smtp").write_text(PASSWORD)
        settings = yaml.safe_load(block_of("guides/email", "Set it up", "yaml"))
        smtp = settings["channels"]["team-mail"]["smtp"]
        smtp |= {"host": "127.0.0.1", "port": server.port, "password_file": str(tmp_path / "smtp")}
        environ = {"SSL_CERT_FILE": str(tmp_path / "cert.pem")}
        with Service(tmp_path, settings, environ=environ) as service:
            tried(service, "team-mail")
        assert {mail.recipients for mail in server.mails} == {("oncall@example.com",), ("team@example.com",)}


def test_the_steps_for_slack_lead_to_a_message(tmp_path: Path) -> None:
    """The bot's block needs the one call that `chat:write` allows; the incoming webhook is one line."""
    with FakeSlack(token=SECRETS["SLACK_BOT_TOKEN"]) as slack:
        settings = yaml.safe_load(block_of("guides/slack", "Set it up", "yaml"))
        settings["channels"]["oncall-slack"]["base_url"] = slack.base_url
        settings["channels"]["hook"] = yaml.safe_load(inline_of("guides/slack", "{type: slack"))
        settings |= {
            "route": {"channels": ["oncall-slack"]},
            "delivery": {"allow_private_addresses": True},
        }
        with Service(
            tmp_path, settings, environ=SECRETS | {"SLACK_WEBHOOK_URL": slack.webhook_url}
        ) as service:
            tried(service, "oncall-slack")
            assert {request.path for request in slack.requests} == {"/api/chat.postMessage"}
            tried(service, "hook")
        assert len(slack.posted) == 2


def test_the_steps_for_a_webhook_lead_to_a_verified_alert(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The secret that step 1 makes signs, the snippet of step 3 verifies, and refuses a changed body."""
    [make] = re.findall(
        r"^1\. Make a secret: `python3 (-c '.+')`\.$", text_of("guides/webhook"), re.MULTILINE
    )
    made = subprocess.run(
        ["sh", "-c", f"{sys.executable} {make}"], capture_output=True, text=True, check=True
    ).stdout.strip()
    assert signing_key(made)
    snippet: dict[str, Any] = {}
    exec(block_of("guides/webhook", "Set it up", "python"), snippet)  # what the chapter says to run
    monkeypatch.setenv("AUDIT_SECRET", made)
    with WebhookReceiver() as receiver:
        settings = yaml.safe_load(block_of("guides/webhook", "Set it up", "yaml"))
        settings["channels"]["audit"]["url"] = receiver.url
        settings |= {"route": {"channels": ["audit"]}, "delivery": {"allow_private_addresses": True}}
        with Service(tmp_path, settings, environ={"AUDIT_SECRET": made}) as service:
            tried(service, "audit")
        [request] = receiver.requests
    assert snippet["alert"](request.headers, request.body)["type"] == "incident.test"
    with pytest.raises(Exception, match="No matching signature"):
        snippet["alert"](request.headers, request.body + b" ")


def test_the_example_filled_in_reaches_everybody(tmp_path: Path) -> None:
    """The example with secrets and addresses: one event is two mails, a Slack message and a webhook, with a link."""
    serving, _ = certificate(tmp_path)
    with (
        SmtpServer(tls=serving, login=("notifier", PASSWORD)) as mail,
        FakeSlack(token=SECRETS["SLACK_BOT_TOKEN"]) as slack,
        WebhookReceiver() as hook,
    ):
        settings = yaml.safe_load((ROOT / "config" / "notifier.example.yaml").read_text())
        del settings["server"]["port"], settings["database"]["url"]
        channels = settings["channels"]
        for name in ("team-mail", "standby-mail"):
            channels[name]["smtp"] |= {"host": "127.0.0.1", "port": mail.port}
        channels["oncall-slack"]["base_url"] = slack.base_url
        channels["audit"]["url"] = hook.url
        settings["delivery"] = {**settings.get("delivery", {}), "allow_private_addresses": True}
        settings["database"]["url"] = f"sqlite:///{tmp_path / 'notifier.db'}"
        environ = SECRETS | {
            "SMTP_PASSWORD": PASSWORD, "STANDBY_PASSWORD": PASSWORD, "SSL_CERT_FILE": str(tmp_path / "cert.pem"),
        }  # fmt: skip
        with Service(tmp_path, settings, environ=environ) as service:
            assert service.post({**json.loads(event()), "severity": "critical"}).status_code == 202
            mails, [request] = mail.wait_for(2), hook.wait_for(1)
            slack.wait_for(1)
            number = service.items("/v1/incidents")[0]["number"]
        link = f"https://notifier.example.com/incidents/{number}"
        assert {one.recipients[0] for one in mails} == {"oncall@example.com", "team@example.com"}
        assert all(link in one.text and link in one.html for one in mails)
        assert link in json.dumps(slack.posted)
        assert link in json.dumps(Webhook(SECRET).verify(request.body, dict(request.headers)))


@pytest.mark.slow
def test_the_suites_of_channels_of_your_own_pass(tmp_path: Path) -> None:
    """The modules of the chapter and their tests, as their authors run them."""
    chapter = chapter_at("guides/own-channel")
    assert chapter is not None
    for block in blocks(chapter.text):
        if block.language == "python":
            (tmp_path / block.text.split('"""')[1]).write_text(block.text)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--rootdir={tmp_path}"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stdout
    assert " passed" in done.stdout


def event() -> str:
    return block_of("reference/events", "Events", "json")


def test_the_channel_of_your_own_delivers(tmp_path: Path) -> None:
    """The module and the entry point of the chapter, installed as a distribution: an event reaches its receiver."""
    code, points = (
        block_of("guides/own-channel", "A channel of your own", "python"),
        block_of("guides/own-channel", "A channel of your own", "toml"),
    )
    assert len([line for line in code.splitlines() if line]) <= 25
    assert re.findall(r"^(?:from|import) +(notifier\S*)", code, re.MULTILINE) == ["notifier.channels.api"]
    [(group, names)] = tomllib.loads(points)["project"]["entry-points"].items()
    info = tmp_path / "site" / "notifier_ntfy-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: notifier-ntfy\nVersion: 1.0\n")
    lines = (f"{name} = {value}" for name, value in names.items())
    (info / "entry_points.txt").write_text("\n".join([f"[{group}]", *lines]))
    (tmp_path / "site" / "notifier_ntfy.py").write_text(code)
    with WebhookReceiver() as phone:
        phone.script(Answer(status=503))
        own = yaml.safe_load(inline_of("guides/own-channel", "{type: ntfy"))
        settings = {
            "channels": {"phone": {**own, "url": f"{phone.origin}/your-topic"}},
            "route": {"channels": ["phone"], "group_wait": "0s"},
            "delivery": {"allow_private_addresses": True},
        }
        environ = {"PYTHONPATH": os.pathsep.join([str(tmp_path / "site"), str(ROOT)])}
        with Service(tmp_path, settings, environ=environ) as service:
            failed = service.cli("test-channel", "phone", environ=environ)
            assert "transient" in failed.stdout
            service.post({"service": "billing", "message": "could not charge order 1842"})
            service.wait_delivery("phone", "delivered")
            service.settle()
        assert b"New: could not charge order 1842" in phone.requests[-1].body


def tried(service: Service, channel: str) -> None:
    """`notifier test-channel NAME`, as every set-up ends."""
    done = service.cli("test-channel", channel)
    assert done.returncode == 0, done.stdout + done.stderr


def text_of(path: str) -> str:
    chapter = chapter_at(path)
    assert chapter is not None
    return chapter.text
