"""The manual's application, pasted into a new file and served as it says: each sentence about it holds."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from notifier.testing import WebhookReceiver
from tests.processes import Service, eventually
from tests.snippets import block_of
from tests.sockets import free_port

CHAPTER = "tutorial/fastapi"


@pytest.fixture
def service(tmp_path: Path) -> Iterator[tuple[Service, WebhookReceiver]]:
    with WebhookReceiver() as receiver:
        settings: dict[str, Any] = {
            "channels": {"audit": {"type": "webhook", "url": receiver.url}},
            "route": {"channels": ["audit"], "group_wait": "0s", "group_by": ["incident"]},
            "delivery": {"allow_private_addresses": True},
        }
        with Service(tmp_path, settings) as running:
            yield running, receiver


@pytest.fixture
def shop(service: tuple[Service, WebhookReceiver], tmp_path: Path) -> Iterator[httpx.Client]:
    """`uvicorn shop:app`, in a folder that holds the pasted file alone."""
    folder = tmp_path / "shop"
    folder.mkdir()
    (folder / "shop.py").write_text(block_of(CHAPTER, "The application", "python"))
    port = free_port()
    assert "uvicorn shop:app --port 8001" in block_of(CHAPTER, "Run it", "sh")
    environ = {
        **os.environ,
        "NOTIFIER_URL": service[0].url,
        "NOTIFIER_KEY": service[0].key or "",
        "NOTIFIER_SPOOL": str(tmp_path / "spool"),
        "PYTHONPATH": str(Path(__file__).parents[2]),
    }
    # What the application prints is read while it runs.
    command = [sys.executable, "-u", "-m", "uvicorn", "shop:app", "--port", str(port)]
    with (tmp_path / "shop.log").open("wb") as log:
        process = subprocess.Popen(command, cwd=folder, env=environ, stdout=log, stderr=log)
    try:
        # uvicorn closes a connection whose background task has failed, whatever comes in on it just then.
        once = httpx.Limits(max_keepalive_connections=0)
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30, limits=once) as http:
            eventually(lambda: _answers(http))
            yield http
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)


def _answers(http: httpx.Client) -> bool:
    with contextlib.suppress(httpx.TransportError):
        return http.get("/openapi.json").status_code == 200
    return False


def test_the_application_of_the_tutorial(
    service: tuple[Service, WebhookReceiver], shop: httpx.Client, tmp_path: Path
) -> None:
    """An even order is charged once; an odd one is retried for seven seconds, alerted, and a dead letter."""
    running, receiver = service
    good = shop.post("/orders/2/charge")
    assert good.status_code == 202
    assert shop.post("/orders/2/charge").json()["id"] == good.json()["id"]
    bad = shop.post("/orders/3/charge").json()
    status = eventually(lambda: _done(shop.get(good.json()["status"]).json()))
    assert (status["status"], status["result"]) == ("completed", "charged order 2")
    assert shop.get(bad["status"]).json()["status"] in {"processing", "retrying"}
    assert not receiver.requests
    status = eventually(lambda: _done(shop.get(bad["status"]).json()))
    assert (status["status"], status["attempt"], status["error"]["type"]) == ("failed", 4, "TimeoutError")
    eventually(lambda: receiver.requests)
    incident = eventually(lambda: running.get("/v1/incidents")["items"])[0]
    assert incident["title"] == "TimeoutError: the gateway does not answer"
    assert incident["labels"]["task"] == "shop.charge"
    run = eventually(lambda: _linked(running, bad["id"]))
    assert (run["state"], run["incident_id"]) == ("failed", incident["id"])
    letters = running.get("/v1/dead-letters")["items"]
    assert [(one["kind"], one["id"]) for one in letters] == [("task_run", bad["id"])]
    log = (tmp_path / "shop.log").read_text()
    assert "receipt for order 3" in log
    assert log.count("receipt for order 2") == 2


def _done(status: dict[str, Any]) -> dict[str, Any] | None:
    return status if status["status"] in {"completed", "failed", "lost"} else None


def _linked(service: Service, id_: str) -> dict[str, Any] | None:
    with service.client() as client:
        answer = client.get(f"/v1/task-runs/{id_}")
    found: dict[str, Any] = answer.json() if answer.status_code == 200 else {}
    return found if found.get("incident_id") and found["state"] == "failed" else None
