"""Everything that the README shows is tried: its commands, events, configurations, steps and its own channel."""

from __future__ import annotations

import base64
import json
import os
import re
import shutil
import subprocess
import sys
import textwrap
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from standardwebhooks import Webhook

from notifier.channels.signing import signing_key
from notifier.testing import Answer, FakeSlack, SmtpServer, WebhookReceiver, certificate
from tests.processes import Service, cli

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()

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
# What installs, or would serve on a port of its own: other tests do it.
NOT_RUN = ("pip install", "docker ", "export ", "uvicorn ")


@dataclass(frozen=True, kw_only=True)
class Block:
    """One fenced block and the heading that it stands under."""

    heading: str
    language: str
    text: str


def _blocks() -> Iterator[Block]:
    heading = ""
    found = re.finditer(r"^#+ (?P<heading>[^\n]+)$|^(?P<indent> *)```(?P<language>\w+)\n(?P<text>.*?)^ *```$",
                        README, re.MULTILINE | re.DOTALL)  # fmt: skip
    for one in found:
        heading = one["heading"] or heading
        if one["language"]:
            yield Block(heading=heading, language=one["language"], text=textwrap.dedent(one["text"]))


BLOCKS = tuple(_blocks())


def block(heading: str, language: str) -> str:
    [found] = [one.text for one in BLOCKS if (one.heading, one.language) == (heading, language)]
    return found


def inline(start: str) -> str:
    """A configuration that stands in the running text."""
    [found] = re.findall(rf"`({re.escape(start)}[^`]*)`", README)
    return str(found)


def commands() -> list[str]:
    """Every shell command, its continued lines joined and its comments cut."""
    text = "\n".join(one.text for one in BLOCKS if one.language == "sh").replace("\\\n", " ")
    return [line for line in (re.sub(r"\s+#.*", "", line).strip() for line in text.splitlines()) if line]


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A console, and a receiver that answers 410 until it is dead."""
    with WebhookReceiver(default=Answer(status=410)) as gone:
        settings = {
            "channels": {"console": {"type": "console"}, "gone": {"type": "webhook", "url": gone.url}},
            "route": {"channels": ["console", "gone"], "group_wait": "0s", "group_by": ["incident"]},
            "delivery": {"allow_private_addresses": True},
        }
        with Service(tmp_path_factory.mktemp("readme"), settings) as running:
            yield running


def test_every_block_is_of_a_kind_that_is_tried() -> None:
    """A block in another language, or a command of another program, would go untested."""
    assert {one.language for one in BLOCKS} == {"sh", "json", "yaml", "python", "toml"}
    programs = {command.split()[0] for command in commands() if not command.startswith(NOT_RUN)}
    assert programs == {"notifier", "uv", "curl"}


def test_the_events_are_accepted_as_they_stand(service: Service) -> None:
    """Without a warning."""
    for one in BLOCKS:
        if one.language == "json":
            answer = service.post(json.loads(one.text))
            assert (answer.status_code, answer.json()["warnings"]) == (202, [])


@pytest.mark.skipif(shutil.which("curl") is None, reason="there is no curl")
def test_the_commands_do_as_they_say(service: Service) -> None:
    """Run by a shell, in the README's order, with real ids for ID; each exits 0."""
    folder = service.folder
    program = folder / "notifier"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m notifier.cli "$@"\n')
    program.chmod(0o755)
    shutil.copy(ROOT / "config" / "notifier.yaml", folder / "notifier.yaml")
    environ = {
        **os.environ,
        "PATH": f"{folder}{os.pathsep}{os.environ['PATH']}",
        "NOTIFIER_URL": service.url,
        "NOTIFIER_KEY": service.key or "",
    }
    for number, command in enumerate(commands()):
        if command.startswith(NOT_RUN):
            continue
        line = (
            command.replace("uv run ", "").replace("http://127.0.0.1:8000", service.url).replace(" 142", " 1")
        )
        if line.split()[-1] == "ID" and not line.startswith("notifier silences"):
            line = line.replace("ID", dead_letter(service, f"problem {number}"))
        if line.startswith("notifier silences") and " ID" in line:
            line = line.replace(" ID", f" {newest_silence(service)}")
        done = subprocess.run(
            ["sh", "-c", line],
            cwd=folder,
            env=environ,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, (line, done.stdout, done.stderr)
    assert json.loads((folder / "notifier.schema.json").read_text())["$schema"]


def newest_silence(service: Service) -> str:
    with service.client() as client:
        return str(client.get("/v1/silences").json()["items"][0]["id"])


def test_the_addresses_and_metrics_are_there(service: Service) -> None:
    """Every path that the README names answers, and every metric is shown."""
    paths = set(re.findall(r"`(/(?:healthz|readyz|metrics|openapi\.json))`", README))
    assert len(paths) == 4
    with service.client() as client:
        assert {client.get(path).status_code for path in paths} == {200}
        shown = client.get("/metrics").text
    named = set(re.findall(r"`(notifier_[a-z_]+)`", README)) - {"notifier_reports"}  # a fixture of pytest's
    assert len(named) == 8
    assert all(f"# TYPE {name.removesuffix('_total')}" in shown for name in named)


def dead_letter(service: Service, problem: str) -> str:
    """The id of a delivery that has just died."""
    service.post({"service": "dead", "message": problem, "fingerprint": [problem]})
    return str(service.wait_delivery("gone", "dead")["id"])


def configurations() -> list[tuple[str, str]]:
    blocks = [(one.heading, one.text) for one in BLOCKS if one.language == "yaml"]
    shorter = [
        ("Slack", inline("{type: slack")),
        *(
            ("Webhook", f"{{type: webhook, url: https://x.y, {inline(key)}}}")
            for key in ("secret:", "allow_addresses:")
        ),
    ]
    blocks += [(heading, f"channels: {{one: {text}}}") for heading, text in shorter]
    return [*blocks, ("Webhook", f"channels: {{one: {{type: console}}}}\n{inline('delivery:')}")]


@pytest.mark.parametrize(("heading", "text"), configurations())
def test_the_configurations_pass_check(heading: str, text: str, tmp_path: Path) -> None:
    """With the secrets that they name, and a route where a fragment has none."""
    password = tmp_path / "smtp"
    password.write_text(PASSWORD)
    document = yaml.safe_load(text.replace("/run/secrets/smtp", str(password)))
    document.setdefault("route", {"channels": list(document["channels"])})
    config = tmp_path / "notifier.yaml"
    config.write_text(yaml.safe_dump(document))
    done = cli("check", "--config", str(config), folder=tmp_path, environ=SECRETS)
    assert done.returncode == 0, done.stdout


def test_the_steps_for_email_lead_to_a_mail(tmp_path: Path) -> None:
    """The block as it stands but for host, port and file: STARTTLS, a login, and a mail to each recipient."""
    serving, _ = certificate(tmp_path)
    with SmtpServer(tls=serving, login=("notifier", PASSWORD)) as server:
        (tmp_path / "smtp").write_text(PASSWORD)
        settings = yaml.safe_load(block("Email", "yaml"))
        smtp = settings["channels"]["team-mail"]["smtp"]
        smtp |= {"host": "127.0.0.1", "port": server.port, "password_file": str(tmp_path / "smtp")}
        environ = {"SSL_CERT_FILE": str(tmp_path / "cert.pem")}
        with Service(tmp_path, settings, environ=environ) as service:
            tried(service, "team-mail")
        assert {mail.recipients for mail in server.mails} == {("oncall@example.com",), ("team@example.com",)}


def test_the_steps_for_slack_lead_to_a_message(tmp_path: Path) -> None:
    """The bot's block needs the one call that `chat:write` allows; the incoming webhook is one line."""
    with FakeSlack(token=SECRETS["SLACK_BOT_TOKEN"]) as slack:
        settings = yaml.safe_load(block("Slack", "yaml"))
        settings["channels"]["oncall-slack"]["base_url"] = slack.base_url
        settings["channels"]["hook"] = yaml.safe_load(inline("{type: slack"))
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
    [make] = re.findall(r"^1\. Make a secret: `python3 (-c '.+')`\.$", README, re.MULTILINE)
    made = subprocess.run(
        ["sh", "-c", f"{sys.executable} {make}"], capture_output=True, text=True, check=True
    ).stdout.strip()
    assert signing_key(made)
    snippet: dict[str, Any] = {}
    exec(block("Webhook", "python"), snippet)  # what the README says to run
    monkeypatch.setenv("AUDIT_SECRET", made)
    with WebhookReceiver() as receiver:
        settings = yaml.safe_load(block("Webhook", "yaml"))
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


def event() -> str:
    return block("Posting events", "json")


def test_the_channel_of_your_own_delivers(tmp_path: Path) -> None:
    """The module and the entry point of the README, installed as a distribution: an event reaches its receiver."""
    code, points = block("A channel of your own", "python"), block("A channel of your own", "toml")
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
        own = yaml.safe_load(inline("{type: ntfy"))
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
