"""Starting, stopping, and what an operator sees meanwhile: exit codes, sentences, logs and metrics."""

from __future__ import annotations

import base64
import json
import re
import signal
import socket
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from notifier.testing import Answer, WebhookReceiver
from tests.processes import Service, eventually

EVENT: dict[str, Any] = {"service": "billing", "message": "it broke"}
SECRET = "whsec_" + base64.b64encode(b"a secret of thirty-two bytes ...").decode()


def settings(hook: WebhookReceiver, **parts: Any) -> dict[str, Any]:
    return {
        "channels": {"hook": {"type": "webhook", "url": hook.url, "secret": SECRET}},
        "route": {"channels": ["hook"], "group_by": ["incident"], "group_wait": "0s"},
        "delivery": {"allow_private_addresses": True},
        **parts,
    }


@pytest.fixture
def hook() -> Iterator[WebhookReceiver]:
    with WebhookReceiver() as receiver:
        yield receiver


def stop_while_it_hangs(folder: Path, hook: WebhookReceiver) -> Service:
    """Stop it with a send that never ends and a client that keeps its connection; it ends with 0 all the same."""
    hook.script(Answer(delay=60.0))
    with Service(folder, settings(hook)) as service:
        service.post(EVENT)
        hook.wait_for(1)
        with socket.create_connection(("127.0.0.1", service.port)) as idle:
            idle.sendall(b"GET /healthz HTTP/1.1\r\nHost: notifier\r\n\r\n")
            assert idle.recv(1_000).startswith(b"HTTP/1.1 200")
            started = time.monotonic()
            assert service.stop() == 0
            assert time.monotonic() - started < 50
    return service


@pytest.fixture(scope="module", autouse=True)
def stopping(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Future[Service]]:
    """The drain's twenty seconds pass while other tests run."""
    with WebhookReceiver() as hook, ThreadPoolExecutor(1) as pool:
        yield pool.submit(stop_while_it_hangs, tmp_path_factory.mktemp("stopping"), hook)


def test_sigterm_lets_a_send_in_flight_end(tmp_path: Path, hook: WebhookReceiver) -> None:
    """It is drained and recorded, the exit code is 0, and the next start sends nothing again."""
    hook.script(Answer(delay=2.0))
    with Service(tmp_path, settings(hook)) as service:
        service.post(EVENT)
        hook.wait_for(1)
        started = time.monotonic()
        assert service.stop() == 0
        assert time.monotonic() - started < 18
        service.start()
        assert service.settle()["delivered"] == 1
        assert len(hook.requests) == 1


def test_while_it_stops_it_is_not_ready_and_loses_no_answer(tmp_path: Path, hook: WebhookReceiver) -> None:
    """Every request around SIGTERM is either acknowledged, and then kept, or refused; none is cut off after its 202."""
    with Service(tmp_path, settings(hook)) as service, service.client() as client:
        acknowledged = 0
        for number in range(2_000):
            if number == 50:
                assert service.process is not None
                service.process.send_signal(signal.SIGTERM)
            try:
                answer = client.post("/v1/events", json={**EVENT, "id": f"event-{number}"})
            except httpx.TransportError:
                break
            if answer.status_code != 202:
                assert answer.status_code == 503
                break
            acknowledged += 1
        assert service.exit(within=30) == 0
        assert acknowledged >= 50
        service.start()
        assert service.settle()["accepted"] >= acknowledged


def refused(service: Service, *says: str) -> None:
    """It ends by itself with 2, and says why on standard error in a line or two."""
    before = service.log
    service.start(wait=False)
    assert service.exit() == 2
    text = service.log.removeprefix(before)
    assert all(word in text for word in says), text
    assert "Traceback" not in text


def test_a_second_process_on_the_same_file_is_refused(tmp_path: Path, hook: WebhookReceiver) -> None:
    """Exit code 2 and a sentence that says what to do; the first goes on, and a kill frees the file."""
    with Service(tmp_path, settings(hook)) as first:
        second = Service(tmp_path, settings(hook))
        refused(second, "in use by another notifier", "stop that one", "PostgreSQL")
        assert first.post(EVENT).status_code == 202
        first.kill()
        second.key = first.key
        with second:
            assert second.settle()["accepted"] == 1


def test_a_port_in_use_is_refused(tmp_path: Path, hook: WebhookReceiver) -> None:
    """Exit code 2, the address, and what to do."""
    service = Service(tmp_path, settings(hook))
    with socket.create_server(("127.0.0.1", service.port)):
        refused(service, str(service.port), "server.port")


def test_a_port_of_the_command_line_wins(tmp_path: Path, hook: WebhookReceiver) -> None:
    """Over the file's, at the start and at a reload."""
    service = Service(tmp_path, settings(hook))
    service.config.write_text(service.config.read_text().replace(f"port: {service.port}", "port: 1"))
    service.options = ("--port", str(service.port))
    with service, service.client() as client:
        assert client.post("/v1/config/reload").json()["needs_restart"] == []


def test_a_database_that_is_none_is_refused(tmp_path: Path, hook: WebhookReceiver) -> None:
    """A file that is no database, and a folder that cannot be made: exit code 2 with a sentence."""
    service = Service(tmp_path, settings(hook))
    service.database.write_bytes(b"this is no database, " * 1_000)
    refused(service, "database")
    elsewhere = Service(tmp_path, settings(hook, database={"url": "sqlite:////proc/nowhere/notifier.db"}))
    refused(elsewhere, "database")


def test_logs_are_json_lines_without_secrets(tmp_path: Path, hook: WebhookReceiver) -> None:
    """What was told is logged with its delivery and counts, at `debug` with ids; keys and what events said never."""
    parts = settings(hook, database={"url": f"sqlite:///{tmp_path}/new.db"})
    with Service(tmp_path, parts, environ={"NOTIFIER_LOG_LEVEL": "debug"}) as service:
        event = {
            **EVENT,
            "id": "event-1",
            "message": "said in confidence",
            "context": {"password": "hunter2"},
        }
        incident = service.post(event).json()["incident_id"]
        delivery = service.wait_delivery("hook", "delivered")
        assert service.stop() == 0
    lines = [json.loads(line) for line in service.log.splitlines()]
    assert all({"event", "level", "timestamp"} <= set(line) for line in lines)
    [told] = [line for line in lines if line["event"] == "delivered"]
    assert (told["delivery"], told["incidents"], told["events"]) == (delivery["id"], 1, 1)
    [ids] = [line for line in lines if line["event"] == "delivery_ids"]
    assert (ids["level"], ids["incidents"], ids["events"]) == ("debug", [incident], ["event-1"])
    [made] = [line for line in lines if line["event"] == "database_created"]
    assert made["file"].startswith(str(tmp_path))
    assert {"serving", "stopped"} <= {line["event"] for line in lines}
    for secret in (service.key, SECRET, SECRET.removeprefix("whsec_"), "hunter2", "said in confidence"):
        assert secret is not None
        assert secret not in service.log


def test_metrics_have_the_names_and_the_accounting(tmp_path: Path, hook: WebhookReceiver) -> None:
    """Prometheus text, named after Alertmanager's; the equations are in it."""
    hook.script(Answer(status=500))
    with Service(tmp_path, settings(hook)) as service:
        service.post(EVENT)
        service.wait_delivery("hook", "delivered")
        answer = httpx.get(f"{service.url}/metrics")
        assert answer.headers["content-type"].startswith("text/plain")
        for line in (
            'notifier_notifications_total{channel="hook"} 2.0',
            'notifier_notifications_failed_total{channel="hook",reason="transient"} 1.0',
            'notifier_notification_latency_seconds_count{channel="hook"} 2.0',
            "notifier_accounting_balanced 1.0",
            'notifier_accounting{term="accepted"} 1.0',
            'notifier_accounting{term="counted"} 1.0',
            'notifier_accounting{term="untold"} 0.0',
            'notifier_accounting{term="created"} 1.0',
            'notifier_deliveries{state="delivered"} 1.0',
            'notifier_events_total{format="native",result="accepted"} 1.0',
        ):
            assert line in answer.text.splitlines(), (line, answer.text)
        assert re.search(r"^notifier_outbox_oldest_age_seconds \S+$", answer.text, re.MULTILINE)


def test_metrics_need_a_key_beyond_loopback(tmp_path: Path, hook: WebhookReceiver) -> None:
    """Where others can reach it, `/metrics` needs the scope `read`; health needs nothing."""
    with Service(tmp_path, settings(hook, server={"host": "0.0.0.0"})) as service:
        assert httpx.get(f"{service.url}/metrics").status_code == 401
        with service.client() as client:
            assert client.get("/metrics").status_code == 200
        assert httpx.get(f"{service.url}/healthz").status_code == 200


def test_what_was_pending_at_a_stop_is_sent_after_the_start(tmp_path: Path, hook: WebhookReceiver) -> None:
    """Stopped while the receiver was down: the retry is due after the start, under the same id."""
    hook.script(Answer(status=503))
    with Service(tmp_path, settings(hook)) as service:
        service.post(EVENT)
        service.wait_delivery("hook", "pending", outcome="transient")
        assert service.stop() == 0
        service.start()
        eventually(lambda: len(hook.requests) == 2)
        first, second = hook.requests
        assert first.headers["webhook-id"] == second.headers["webhook-id"]
        assert service.settle()["delivered"] == 1


def test_sigterm_ends_within_thirty_seconds_whatever_hangs(stopping: Future[Service]) -> None:
    """A send that does not end is recorded as ambiguous and sent again under its id after the next start."""
    with stopping.result(60) as service:
        delivered = service.wait_delivery("hook", "delivered")
        assert [one["outcome"] for one in delivered["attempts"]] == ["ambiguous", "delivered"]
        assert service.settle()["created"] == 1
