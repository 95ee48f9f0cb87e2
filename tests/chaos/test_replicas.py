"""Two replicas on one PostgreSQL: each delivery once, either may die, and the database may go away for a while."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from notifier.delivery.sends import AHEAD
from notifier.testing import Answer, WebhookReceiver
from tests.postgres import PostgresCluster
from tests.processes import KEY, Service, cli, eventually, whole

EVENTS = 150
LEASE_S = 60
SLOTS = 8


@dataclass(frozen=True, kw_only=True)
class Empty:
    """A database without tables."""

    cluster: PostgresCluster
    name: str

    @property
    def url(self) -> str:
        return self.cluster.url(self.name)


@contextmanager
def database(cluster: PostgresCluster) -> Iterator[Empty]:
    with cluster.database(template="template0") as name:
        yield Empty(cluster=cluster, name=name)


@pytest.fixture
def empty(postgres_cluster: PostgresCluster) -> Iterator[Empty]:
    with database(postgres_cluster) as made:
        yield made


def settings(hook: WebhookReceiver, url: str) -> dict[str, Any]:
    return {
        "database": {"url": url},
        "channels": {"hook": {"type": "webhook", "url": hook.url}},
        "route": {"channels": ["hook"], "group_by": ["incident"], "group_wait": "0s"},
        "delivery": {"allow_private_addresses": True},
    }


def event(number: int) -> dict[str, Any]:
    name = f"event-{number}"
    return {"id": name, "service": "billing", "message": "it broke", "fingerprint": [name]}


def upgrade(service: Service) -> None:
    done = service.cli("db", "upgrade", "--config", str(service.config))
    assert done.returncode == 0, done.stderr


def send(number: int, first: httpx.Client, second: httpx.Client) -> str:
    """Post to one replica, and, where it does not answer, the same id to the other, until one acknowledges."""
    deadline = time.monotonic() + 60
    clients = [first, second] if number % 2 else [second, first]
    while time.monotonic() < deadline:
        for client in clients:
            try:
                answer = client.post("/v1/events", content=json.dumps(event(number)))
            except httpx.TransportError:
                continue
            if answer.status_code == 202:
                return str(answer.json()["incident_id"])
        time.sleep(0.05)
    raise AssertionError(f"event {number} was never acknowledged")


@dataclass(frozen=True, kw_only=True)
class Bereaved:
    """Two replicas that shared the work, until one was killed amid it: its leases end while other tests run."""

    first: Service
    second: Service
    hook: WebhookReceiver
    sent: list[str]


@pytest.fixture(scope="module")
def bereaved(
    tmp_path_factory: pytest.TempPathFactory, postgres_cluster: PostgresCluster
) -> Iterator[Bereaved]:
    folder = tmp_path_factory.mktemp("replicas")
    with database(postgres_cluster) as shared, WebhookReceiver(default=Answer(delay=0.02)) as hook:
        first, second = (Service(folder, settings(hook, shared.url)) for _ in range(2))
        upgrade(first)
        with first, second:
            second.key = first.key
            sent = share_and_kill(first, second, hook)
            yield Bereaved(first=first, second=second, hook=hook, sent=sent)


def share_and_kill(first: Service, second: Service, hook: WebhookReceiver) -> list[str]:
    """Post to both; check that each delivery came once; kill the first amid as many again. The incidents."""
    with first.client() as one, second.client() as other, ThreadPoolExecutor(4) as pool:
        sent = list(pool.map(lambda n: send(n, one, other), range(EVENTS)))
        eventually(lambda: len(hook.requests) >= EVENTS)
        books = second.settle()
        assert books["accepted"] == books["delivered"] == EVENTS
        assert set(Counter(r.headers["webhook-id"] for r in hook.requests).values()) == {1}
        assert {r.json()["data"]["incidents"][0]["id"] for r in hook.requests} == set(sent)
        assert all('"delivered"' in replica.log for replica in (first, second))
        later = pool.map(lambda n: send(n, one, other), range(EVENTS, 2 * EVENTS))
        eventually(lambda: len(hook.requests) >= EVENTS + 50)
        first.kill()
        return [*sent, *later]


def test_a_replica_joins_without_a_key_of_its_own(bereaved: Bereaved) -> None:
    """The database has one already, so the second prints none; and the killed one leaves the other serving."""
    assert KEY.findall(bereaved.second.out) == []
    assert bereaved.second.get("/readyz")["status"] == "ready"


def test_serve_before_the_upgrade_names_the_command(tmp_path: Path, empty: Empty) -> None:
    """PostgreSQL's schema is a person's to change: exit 2 and the command; after it, and after it again, it starts."""
    with WebhookReceiver() as hook:
        service = Service(tmp_path, settings(hook, empty.url))
        early = service.cli("serve", "--config", str(service.config))
        assert early.returncode == 2
        assert "notifier db upgrade" in early.stderr
        assert "Traceback" not in early.stderr
        assert KEY.findall(early.stdout) == []
        upgrade(service)
        upgrade(service)
        with service:
            assert service.key is not None
            assert service.post(event(0)).status_code == 202
            hook.wait_for(1)
            assert service.settle()["delivered"] == 1


def test_a_database_that_is_not_there_is_a_sentence(tmp_path: Path) -> None:
    """No server, and a password that must not be shown: exit 2 and what to do."""
    url = "postgresql://notifier:hunter2-secret@127.0.0.1:9/notifier"
    with WebhookReceiver() as hook:
        service = Service(tmp_path, settings(hook, url))
        done = cli("serve", "--config", str(service.config), folder=tmp_path)
    assert done.returncode == 2
    assert "hunter2" not in done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    assert done.stderr.strip()


def test_a_key_of_one_replica_works_and_ends_on_the_other(tmp_path: Path, empty: Empty) -> None:
    """Made here it works there at once; revoked here it is refused there within seconds. Quotas are each replica's."""
    with WebhookReceiver() as hook:
        first = Service(tmp_path, settings(hook, empty.url))
        second = Service(tmp_path, settings(hook, empty.url))
        upgrade(first)
        with first, second:
            second.key = first.key
            with first.client() as client:
                made = client.post("/v1/keys", json={"name": "both", "scopes": ["ingest"]}).json()
            with second.client(made["key"]) as client:
                assert client.post("/v1/events", json=event(0)).status_code == 202
                with first.client() as admin:
                    assert admin.delete(f"/v1/keys/{made['id']}").status_code == 204
                eventually(lambda: client.post("/v1/events", json=event(1)).status_code == 401)
            assert second.settle()["balanced"]


def test_a_database_that_goes_away_comes_back(tmp_path: Path, empty: Empty) -> None:
    """While it is gone: 503 with `Retry-After`, not ready, still alive; afterwards it goes on without a restart."""
    cluster, name = empty.cluster, empty.name
    with WebhookReceiver() as hook:
        service = Service(tmp_path, settings(hook, empty.url))
        upgrade(service)
        with service, service.client() as client:
            assert client.post("/v1/events", json=event(0)).status_code == 202
            hook.wait_for(1)
            cluster.sql(f"ALTER DATABASE {name} WITH ALLOW_CONNECTIONS false")
            cluster.sql(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'")
            gone = client.post("/v1/events", json=event(1))
            assert gone.status_code == 503
            assert int(gone.headers["retry-after"]) >= 1
            assert gone.headers["content-type"] == "application/problem+json"
            eventually(lambda: client.get("/readyz").status_code == 503)
            assert client.get("/healthz").status_code == 200
            assert client.get("/metrics").status_code == 200
            assert client.get("/v1/incidents").status_code == 503
            time.sleep(2)
            cluster.sql(f"ALTER DATABASE {name} WITH ALLOW_CONNECTIONS true")
            eventually(lambda: client.post("/v1/events", json=event(1)).status_code == 202)
            eventually(lambda: client.get("/readyz").status_code == 200)
            eventually(lambda: len(hook.requests) == 2)
            assert service.settle()["accepted"] == 2
            assert "Traceback" not in service.log


@pytest.mark.slow(takes=67)
def test_each_delivery_once_and_either_may_die(bereaved: Bereaved) -> None:
    """The survivor finishes everything once the leases have ended; only what was not recorded may have come twice."""
    second = bereaved.second
    assert len(set(bereaved.sent)) == 2 * EVENTS
    books = second.settle(within=LEASE_S + 30)
    assert books["accepted"] == books["created"] == books["delivered"] == 2 * EVENTS
    times = Counter(request.headers["webhook-id"] for request in whole(bereaved.hook.requests))
    assert len(times) == 2 * EVENTS
    for delivery, often in times.items():
        if often > 1:
            attempts = second.get(f"/v1/deliveries/{delivery}")["attempts"]
            assert often - 1 <= sum(one["outcome"] == "ambiguous" for one in attempts)
    # What one channel has in flight, or sent and waiting for the commit of its outcome, at most: all that it claims.
    assert sum(times.values()) - len(times) <= SLOTS * (1 + AHEAD)
    assert bereaved.first.start().settle()["balanced"]
