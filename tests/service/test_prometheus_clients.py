"""Prometheus and amtool themselves, unmodified, against a running service."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from notifier.testing import WebhookReceiver
from tests.processes import Service, eventually
from tests.sockets import free_port

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not (shutil.which("prometheus") and shutil.which("amtool")),
        reason="prometheus and prometheus-alertmanager are not installed",
    ),
]

RULES = {
    "groups": [
        {
            "name": "own",
            "interval": "1s",
            "rules": [
                {
                    "alert": "SwitchedOn",
                    "expr": 'up{job="target"} == 0',
                    "labels": {"severity": "page"},
                    "annotations": {
                        "summary": "{{ $labels.instance }} is down",
                        "runbook_url": "https://runbooks.example.com/on",
                    },
                }
            ],
        }
    ]
}


@pytest.fixture(scope="module")
def hook() -> Iterator[WebhookReceiver]:
    with WebhookReceiver() as hook:
        yield hook


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory, hook: WebhookReceiver) -> Iterator[Service]:
    settings = {
        "channels": {"hook": {"type": "webhook", "url": hook.url}},
        "route": {"channels": ["hook"], "group_by": ["incident"], "group_wait": "0s", "group_interval": "1s"},
        "delivery": {"allow_private_addresses": True},
        "resolve_timeout": "20s",
    }
    with Service(tmp_path_factory.mktemp("clients"), settings) as service:
        yield service


def amtool(service: Service, *arguments: str, key: str | None = None) -> subprocess.CompletedProcess[str]:
    url = service.url.replace("//", f"//:{key or service.key}@")
    return subprocess.run(
        ["amtool", f"--alertmanager.url={url}", *arguments],
        capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip


def asked(service: Service, *arguments: str) -> Any:
    answer = amtool(service, "--output=json", *arguments)
    assert answer.returncode == 0, answer.stderr
    return json.loads(answer.stdout)


def told(hook: WebhookReceiver, name: str) -> list[str]:
    """The reasons for which the receiver heard of an alert."""
    bodies = [json.loads(request.body) for request in hook.requests]
    return [body["data"]["reason"] for body in bodies if f"{name}:" in json.dumps(body)]


@pytest.fixture
def prometheus(tmp_path: Path, service: Service) -> Iterator[Path]:
    """A running Prometheus whose alerts go to the service; whether its target is up is a file's word."""
    port, target = free_port(), tmp_path / "target.json"
    target.write_text(json.dumps([{"targets": [f"127.0.0.1:{port}"]}]))
    host = service.url.removeprefix("http://")
    (tmp_path / "rules.yml").write_text(yaml.safe_dump(RULES))
    (tmp_path / "prometheus.yml").write_text(
        yaml.safe_dump({
            "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
            "rule_files": [str(tmp_path / "rules.yml")],
            "scrape_configs": [{
                "job_name": "target",
                "file_sd_configs": [{"files": [str(target)], "refresh_interval": "1s"}],
            }],
            "alerting": {"alertmanagers": [{
                "static_configs": [{"targets": [host]}],
                "authorization": {"credentials": service.key},
            }]},
        })
    )  # fmt: skip
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(
            [
                "prometheus",
                f"--config.file={tmp_path / 'prometheus.yml'}",
                f"--storage.tsdb.path={tmp_path / 'data'}",
                f"--web.listen-address=127.0.0.1:{port}",
                "--rules.alert.resend-delay=2s",
            ],
            stdout=log,
            stderr=log,
        )
        try:
            yield target
        finally:
            process.terminate()
            process.wait(20)


def test_prometheus_fires_resends_and_resolves(
    service: Service, hook: WebhookReceiver, prometheus: Path
) -> None:
    """Told once however often it is posted again, and told that it is over."""
    on = prometheus.read_text()
    prometheus.write_text(on.replace("127.0.0.1", "127.0.0.9"))
    [incident] = eventually(lambda: service.items("/v1/incidents", q='alertname="SwitchedOn"'), within=60)
    assert (incident["severity"], incident["labels"]["exported_severity"]) == ("critical", "page")
    eventually(lambda: service.accounting()["refreshed"] >= 3, within=60)
    assert told(hook, "SwitchedOn") == ["opened"]
    prometheus.write_text(on)
    eventually(
        lambda: (
            service.items("/v1/incidents", q='alertname="SwitchedOn"', state="resolved")
            and told(hook, "SwitchedOn") == ["opened", "resolved"]
        ),
        within=90,
    )
    [incident] = service.items("/v1/incidents", q='alertname="SwitchedOn"')
    assert incident["count"] == 1


@pytest.mark.slow(takes=73)
def test_our_own_outage_is_no_all_clear(service: Service, hook: WebhookReceiver, prometheus: Path) -> None:
    """Killed for longer than alert and `resolve_timeout` last, it hears Prometheus again before it says anything."""
    on = prometheus.read_text()
    prometheus.write_text(on.replace("127.0.0.1", "127.0.0.8"))
    query = {"q": 'instance=~"127.0.0.8:.*"'}
    [incident] = eventually(lambda: service.items("/v1/incidents", **query), within=60)
    eventually(lambda: "127.0.0.8" in "".join(told_of(hook)))
    service.kill()
    time.sleep(35)
    service.start()
    refreshed = service.accounting()["refreshed"]
    eventually(lambda: service.accounting()["refreshed"] > refreshed, within=30)
    time.sleep(25)
    [after] = service.items("/v1/incidents", **query)
    assert (after["id"], after["state"], after["count"]) == (incident["id"], "open", 1)
    prometheus.write_text(on)
    eventually(lambda: service.items("/v1/incidents", **query, state="resolved"), within=60)


def told_of(hook: WebhookReceiver) -> list[str]:
    return [request.body.decode() for request in hook.requests]


def test_amtool_alerts(service: Service) -> None:
    """Add, query by label, and let end."""
    added = amtool(service, "alert", "add", "alertname=ByHand", "team=db", "--annotation=summary=by hand")
    assert added.returncode == 0, added.stderr
    [alert] = asked(service, "alert", "query", "team=db")
    assert alert["labels"] == {"alertname": "ByHand", "team": "db"}
    assert alert["status"] == {"state": "active", "silencedBy": [], "inhibitedBy": []}
    assert alert["receivers"] == [{"name": "hook"}]
    assert "ByHand" in amtool(service, "alert", "query", 'alertname=~"By.*"').stdout
    assert asked(service, "alert", "query", "team=web") == []
    assert "ByHand" in amtool(service, "-o", "extended", "alert").stdout
    amtool(service, "alert", "add", "alertname=ByHand", "team=db", "--end=2020-01-01T00:00:00Z")


def test_amtool_silences(service: Service) -> None:
    """Add, query, update, expire: the silence is ours, and holds what it matches."""
    assert amtool(service, "alert", "add", "alertname=Noisy", "severity=page").returncode == 0
    added = amtool(
        service,
        "silence",
        "add",
        "--comment=known",
        "--author=ann",
        "--duration=1h",
        "alertname=Noisy",
        "severity=page",
    )
    assert added.returncode == 0, added.stderr
    id_ = added.stdout.strip()
    assert service.get(f"/v1/silences/{id_}")["author"] == "ann"
    [silence] = asked(service, "silence", "query", "alertname=Noisy")
    assert (silence["id"], silence["status"]["state"]) == (id_, "active")
    assert asked(service, "alert", "query", "alertname=Noisy") == []
    [alert] = asked(service, "alert", "query", "--silenced", "alertname=Noisy")
    assert (alert["status"]["state"], alert["status"]["silencedBy"]) == ("suppressed", [id_])
    updated = amtool(service, "silence", "update", "--comment=still known", id_)
    assert updated.returncode == 0, updated.stderr
    assert service.get(f"/v1/silences/{id_}")["comment"] == "still known"
    expired = amtool(service, "silence", "expire", id_)
    assert expired.returncode == 0, expired.stderr
    assert service.get(f"/v1/silences/{id_}")["state"] == "expired"
    assert asked(service, "silence", "query", "alertname=Noisy") == []
    assert [one["id"] for one in asked(service, "silence", "query", "--expired", "alertname=Noisy")] == [id_]
    assert amtool(service, "silence", "expire", "00000000-0000-0000-0000-000000000000").returncode == 1


def test_amtool_says_why(service: Service) -> None:
    """A wrong key and a silence that never ends are named; the configuration is asked for without a panic."""
    assert "401" in amtool(service, "alert", key="ntf_nobody").stderr
    assert amtool(service, "config", "show").returncode == 0
    assert amtool(service, "cluster", "show").returncode == 0
