"""PostgreSQL that falls silent or is locked by somebody else, below a service that runs: it heals without a person."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from notifier.testing import WebhookReceiver
from tests.chaos.test_replicas import Empty, database, event, settings, upgrade
from tests.postgres import PostgresCluster
from tests.processes import Service, eventually
from tests.silence import SilentProxy

SILENT_S = 40
HEALED_WITHIN_S = 60


@pytest.fixture
def shared(postgres_cluster: PostgresCluster) -> Iterator[Empty]:
    with database(postgres_cluster) as made:
        yield made


@contextmanager
def locked(shared: Empty, table: str) -> Iterator[None]:
    """Another program holds the table; for 40 seconds, if nobody ends it."""
    psql = shared.cluster.psql
    with subprocess.Popen(
        [psql, "--quiet", "--no-psqlrc", shared.url], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        assert other.stdin is not None
        assert other.stdout is not None
        other.stdin.write(f"BEGIN; LOCK TABLE {table}; SELECT 'held';\n".encode())
        other.stdin.flush()
        while b"held" not in other.stdout.readline():
            pass
        try:
            yield
        finally:
            other.terminate()


@pytest.mark.slow(takes=73)
def test_a_silence_of_all_connections_heals(tmp_path: Path, shared: Empty) -> None:
    """Two replicas that hear nothing for 40 s: posts are refused in time; afterwards what was acknowledged is told."""
    with WebhookReceiver() as hook, SilentProxy(shared.url) as proxy:
        first, second = (Service(tmp_path, settings(hook, proxy.url)) for _ in range(2))
        upgrade(first)
        with first, second:
            second.key = first.key
            told = {first.post(event(n)).json()["incident_id"] for n in range(20)}
            proxy.silence()
            over = time.monotonic() + SILENT_S
            with first.client() as one, second.client() as other:
                for number in range(20, 1_000):
                    if time.monotonic() > over:
                        break
                    started = time.monotonic()
                    answer = (one, other)[number % 2].post("/v1/events", json=event(number))
                    assert answer.status_code == 503
                    assert time.monotonic() - started < 15
            assert httpx.get(f"{first.url}/readyz", timeout=20).status_code == 503
            proxy.speak()
            for replica in (first, second):
                eventually(
                    lambda replica=replica: replica.post(event(1_000)).status_code == 202,
                    within=HEALED_WITHIN_S,
                )
            told.add(second.post(event(1_000)).json()["incident_id"])

            def heard() -> bool:
                return told <= {one["id"] for r in hook.requests for one in r.json()["data"]["incidents"]}

            eventually(heard, within=HEALED_WITHIN_S)
            for replica in (first, second):
                eventually(
                    lambda replica=replica: httpx.get(f"{replica.url}/readyz", timeout=20).status_code == 200,
                    within=HEALED_WITHIN_S,
                )
            assert "Traceback" not in first.log + second.log


@pytest.mark.slow
def test_connections_that_a_firewall_forgot_heal(tmp_path: Path, shared: Empty) -> None:
    """What was open stays silent for ever, new connections are served: alerting goes on within half a minute."""
    with WebhookReceiver() as hook, SilentProxy(shared.url) as proxy:
        service = Service(tmp_path, settings(hook, proxy.url))
        upgrade(service)
        with service:
            service.post(event(0))
            hook.wait_for(1)
            proxy.forget()
            eventually(lambda: service.post(event(1)).status_code == 202, within=HEALED_WITHIN_S)
            eventually(lambda: len(hook.requests) == 2, within=HEALED_WITHIN_S)
            assert "loop_stalled" not in service.log
            assert service.settle()["accepted"] == 2


def test_a_stop_in_a_silence_ends(tmp_path: Path, shared: Empty) -> None:
    """SIGTERM does not wait for a server that does not answer; nor does a start."""
    with WebhookReceiver() as hook, SilentProxy(shared.url) as proxy:
        service = Service(tmp_path, settings(hook, proxy.url))
        upgrade(service)
        with service:
            service.post(event(0))
            hook.wait_for(1)
            proxy.silence()
            time.sleep(1)
            started = time.monotonic()
            assert service.stop() == 0
            assert time.monotonic() - started < 50
        service.start(wait=False)
        assert service.exit() == 2
        assert "PostgreSQL cannot be reached" in service.log


@pytest.mark.parametrize(
    "table", ["incidents", *(pytest.param(one, marks=pytest.mark.slow) for one in ("api_keys", "deliveries"))]
)
def test_a_lock_of_somebody_else_is_answered_in_time(tmp_path: Path, shared: Empty, table: str) -> None:
    """Posts get their 503 within five seconds, from the first on and when they come at once; then it goes on."""
    with WebhookReceiver() as hook:
        service = Service(tmp_path, settings(hook, shared.url))
        upgrade(service)
        with service:
            with locked(shared, table), service.client() as client:
                over = time.monotonic() + 12
                remembered = time.monotonic() + 2.5 if table == "api_keys" else 0.0
                number = 0
                while time.monotonic() < over:
                    started = time.monotonic()
                    answer = client.post("/v1/events", json=event(number))
                    assert answer.status_code == 503 or table == "deliveries" or started < remembered
                    assert time.monotonic() - started < 15
                    number += 1
                    time.sleep(0.2)
            eventually(lambda: client_post(service, number) == 202, within=HEALED_WITHIN_S)
            eventually(lambda: service.accounting()["delivered"] >= 1, within=HEALED_WITHIN_S)
            assert "loop_stalled" not in service.log
            assert service.settle()["balanced"]


def client_post(service: Service, number: int) -> int:
    return service.post(event(number)).status_code
