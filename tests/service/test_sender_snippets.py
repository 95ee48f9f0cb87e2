"""The lines of `/setup` for other senders, used as their clients use them, against a running service."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import unquote, urlsplit

import httpx
import pytest
import yaml

from notifier.wording.snippets import sender_snippets
from tests.processes import Service

ALERT = {"labels": {"alertname": "Down", "service": "prometheus"}, "annotations": {"summary": "it is down"}}


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    settings = {"channels": {"con": {"type": "console"}}, "route": {"channels": ["con"]}}
    with Service(tmp_path_factory.mktemp("senders"), settings) as one:
        yield one


@pytest.fixture(scope="module")
def key(service: Service) -> str:
    """A key as the page makes it: it may post, and nothing else."""
    with service.client() as admin:
        answer = admin.post("/v1/keys", json={"project": "default", "name": "page", "scopes": ["ingest"]})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["key"])


@pytest.fixture(scope="module")
def lines(service: Service, key: str) -> Mapping[str, str]:
    return {snippet.name: snippet.code for snippet in sender_snippets(service.url, key)}


def titles(service: Service) -> list[str]:
    return [item["title"] for item in service.items("/v1/incidents")]


def test_sentry_s_dsn(service: Service, lines: Mapping[str, str]) -> None:
    """Cut as SDKs cut it: the key before the host, the project behind it."""
    dsn = urlsplit(lines["Sentry"].partition('dsn="')[2].partition('"')[0])
    answer = httpx.post(
        f"{dsn.scheme}://{dsn.hostname}:{dsn.port}/api{dsn.path}/store/",
        headers={"X-Sentry-Auth": f"Sentry sentry_key={dsn.username}, sentry_version=7"},
        json={"event_id": "a" * 32, "message": "by Sentry", "platform": "python"},
    )
    assert answer.status_code == 200, answer.text
    assert "by Sentry" in titles(service)


def test_prometheus_configuration(service: Service, lines: Mapping[str, str]) -> None:
    (manager,) = yaml.safe_load(lines["Prometheus"])["alerting"]["alertmanagers"]
    (target,) = manager["static_configs"][0]["targets"]
    ends = (datetime.now(UTC) + timedelta(minutes=4)).isoformat()
    answer = httpx.post(
        f"{manager['scheme']}://{target}/api/v2/alerts",
        headers={"Authorization": f"Bearer {manager['authorization']['credentials']}"},
        json=[{**ALERT, "endsAt": ends}],
    )
    assert answer.status_code == 200, answer.text
    assert any("Down" in title for title in titles(service))


def test_alertmanager_receiver(service: Service, lines: Mapping[str, str]) -> None:
    hook = yaml.safe_load(lines["Alertmanager"])["receivers"][0]["webhook_configs"][0]
    alert = {**ALERT, "status": "firing", "fingerprint": "f1", "startsAt": "2026-11-22T05:00:00Z"}
    alert["labels"] = {"alertname": "ByWebhook", "service": "x"}
    answer = httpx.post(
        hook["url"],
        headers={"Authorization": f"Bearer {hook['http_config']['authorization']['credentials']}"},
        json={"version": "4", "status": "firing", "receiver": "n", "alerts": [alert]},
    )
    assert answer.status_code == 202, answer.text
    assert any("ByWebhook" in title for title in titles(service))


def test_opentelemetry_environment(service: Service, lines: Mapping[str, str]) -> None:
    pairs = [line.removeprefix("export ").partition("=") for line in lines["OpenTelemetry"].splitlines()]
    variables = {name: value for name, _, value in pairs}
    header, _, value = variables["OTEL_EXPORTER_OTLP_LOGS_HEADERS"].partition("=")
    record = {"severityNumber": 17, "body": {"stringValue": "by OpenTelemetry"}}
    answer = httpx.post(
        variables["OTEL_EXPORTER_OTLP_LOGS_ENDPOINT"],
        headers={header: unquote(value)},
        json={"resourceLogs": [{"resource": {}, "scopeLogs": [{"logRecords": [record]}]}]},
    )
    assert answer.status_code == 200, answer.text
    assert "by OpenTelemetry" in titles(service)


@pytest.mark.parametrize(("name", "title"), [("PagerDuty", "disk full"), ("CloudEvents", "could not charge")])
def test_lines_for_a_shell(service: Service, lines: Mapping[str, str], name: str, title: str) -> None:
    if shutil.which("curl") is None:
        pytest.skip("curl is not installed")
    done = subprocess.run(
        ["sh", "-c", lines[name]], capture_output=True, text=True, check=False, cwd=Path("/"), timeout=30
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["status"] in {"success", "accepted"}, done.stdout
    assert title in titles(service)


def test_a_line_of_a_crontab(service: Service, lines: Mapping[str, str]) -> None:
    """The job is a monitor, and expected."""
    if shutil.which("curl") is None:
        pytest.skip("curl is not installed")
    code = lines["A job in a crontab"]
    done = subprocess.run(["sh", "-c", code], capture_output=True, text=True, check=False, timeout=30)
    assert done.returncode == 0, done.stderr
    [monitor] = service.items("/v1/monitors")
    assert (monitor["name"], monitor["state"], monitor["declared_by"]) == ("nightly-backup", "ok", "client")
    assert monitor == json.loads(done.stdout)


def test_the_address_of_a_forge_s_webhook(service: Service, lines: Mapping[str, str]) -> None:
    (address,) = [code for name, code in lines.items() if name.startswith("GitHub")]
    run = {
        "id": 7,
        "name": "tests",
        "head_branch": "main",
        "conclusion": "failure",
        "html_url": "https://github.com/x",
    }
    answer = httpx.post(
        address,
        headers={"X-GitHub-Event": "workflow_run", "X-GitHub-Delivery": "d-1"},
        json={
            "action": "completed",
            "workflow_run": run,
            "repository": {"full_name": "a/b"},
            "workflow": {"name": "tests"},
        },
    )
    assert answer.status_code == 202, answer.text
    assert any("tests" in title for title in titles(service))
