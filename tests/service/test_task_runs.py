"""Task runs with a real service: a process that dies, a run that is asked for again, an incident that recovers."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from notifier.testing import WebhookReceiver
from tests.processes import Service, eventually

TASK = {"task": "billing.tasks.charge", "service": "billing"}
KEPT = {"key": "charge-42", "arguments": {"args": [42], "kwargs": {}}, "replayable": "yes"}


@pytest.fixture
def hook() -> Iterator[WebhookReceiver]:
    with WebhookReceiver() as receiver:
        yield receiver


@pytest.fixture
def service(tmp_path: Path, hook: WebhookReceiver) -> Iterator[Service]:
    settings = {
        "channels": {"hook": {"type": "webhook", "url": hook.url}},
        "route": {"channels": ["hook"], "group_wait": "0s", "group_interval": "0s"},
        "delivery": {"allow_private_addresses": True},
    }
    with Service(tmp_path, settings) as running:
        yield running


def tell(service: Service, **change: Any) -> None:
    with service.client() as client:
        answer = client.post("/v1/task-runs", json=[{**TASK, **change}])
    assert answer.status_code == 202, answer.text


def beat(service: Service, *running: str, **more: Any) -> list[dict[str, Any]]:
    said = {
        "process_id": "host-1-abc",
        "service": "billing",
        "running": list(running),
        "tasks": [TASK["task"]],
    }
    with service.client() as client:
        answer = client.post("/v1/processes/heartbeat", json=said | more)
    assert answer.status_code == 200, answer.text
    asked: list[dict[str, Any]] = answer.json()["replay"]
    return asked


def told(hook: WebhookReceiver) -> list[str]:
    return [json.loads(request.body)["type"] for request in hook.requests]


@pytest.mark.slow
def test_a_process_that_dies_is_told_of_and_its_run_is_made_good(
    service: Service, hook: WebhookReceiver
) -> None:
    """Heartbeats stop: the run is lost, alerted once, asked for again, and its success resolves the incident."""
    tell(service, id="run-1", state="processing", process_id="host-1-abc", **KEPT)
    assert beat(service, "run-1", reports={"captured": 1, "sent": 1}) == []
    started = time.monotonic()
    eventually(lambda: service.get("/v1/task-runs/run-1")["state"] == "lost", within=60)
    assert time.monotonic() - started > 25
    run = service.get("/v1/task-runs/run-1")
    assert run["error"]["reason"] == "killed"
    eventually(lambda: told(hook) == ["incident.opened"])
    [incident] = json.loads(hook.requests[0].body)["data"]["incidents"]
    assert incident["id"] == run["incident_id"]
    assert incident["labels"]["task"] == TASK["task"]
    [letter] = service.items("/v1/dead-letters")
    assert (letter["kind"], letter["id"], letter["replayable"]) == ("task_run", "run-1", "yes")
    listed = service.cli("dead-letters", "list")
    assert "TaskLost: its process was killed or stopped responding" in listed.stdout
    assert service.cli("dead-letters", "redeliver", "--task", TASK["task"]).returncode == 0
    [asked] = beat(service, process_id="host-2-def")
    assert (asked["replay_of"], asked["arguments"]) == ("run-1", {"args": [42], "kwargs": {}})
    assert service.items("/v1/dead-letters") == []
    tell(
        service,
        id=asked["id"],
        state="completed",
        process_id="host-2-def",
        replay_of="run-1",
        key="charge-42",
    )
    eventually(lambda: told(hook) == ["incident.opened", "incident.resolved"])
    assert service.get(f"/v1/incidents/{incident['id']}")["state"] == "resolved"
    with service.client() as client:
        metrics = client.get("/metrics").text
    assert 'notifier_task_runs_total{state="lost"} 1.0' in metrics
    assert 'notifier_task_runs_total{state="completed"} 1.0' in metrics
    books = service.settle()
    assert (books["accepted"], books["duplicates"]) == (1, 0)


def test_a_run_survives_a_kill_of_the_service(service: Service, hook: WebhookReceiver) -> None:
    """A change that was acknowledged is there afterwards; a failure that recovers is told both times."""
    tell(service, id="run-1", state="failed", error={"type": "TimeoutError", "message": "too slow"}, **KEPT)
    service.post({
        "service": "billing", "message": "too slow", "task": {"id": "run-1", "name": TASK["task"], "attempt": 1},
    })  # fmt: skip
    eventually(lambda: told(hook) == ["incident.opened"])
    service.kill()
    service.start()
    run = service.get("/v1/task-runs/run-1")
    assert (run["state"], run["error"]["message"]) == ("failed", "too slow")
    assert run["incident_id"] is not None
    tell(service, id="run-2", state="completed", key="charge-42")
    eventually(lambda: told(hook)[-1] == "incident.resolved")
    assert service.settle()["balanced"]
