"""A database that is full or locked: ingest says so and when to come back, deliveries go on, nothing is lost."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import pytest

from notifier.testing import WebhookReceiver
from tests.disk import small_disk
from tests.processes import Service, eventually

EVENT: dict[str, Any] = {"service": "billing", "message": "it broke"}


def settings(hook: WebhookReceiver, **parts: Any) -> dict[str, Any]:
    return {
        "channels": {"hook": {"type": "webhook", "url": hook.url}},
        "route": {"channels": ["hook"], "group_by": ["incident"], "group_wait": "2s", "send_resolved": False},
        "delivery": {"allow_private_addresses": True},
        **parts,
    }


@pytest.fixture
def hook() -> Iterator[WebhookReceiver]:
    with WebhookReceiver() as receiver:
        yield receiver


def heavy(number: int) -> dict[str, Any]:
    """A problem of its own, with a lot of context."""
    context = dict.fromkeys("abcde", "y" * 4_000)
    return {**EVENT, "id": f"event-{number}", "fingerprint": [f"cause-{number}"], "context": context}


def fill(service: Service, *, first: int = 0, at_most: int = 20_000) -> tuple[int, httpx.Response]:
    """Post until it is refused: how many were accepted, and the refusal."""
    accepted = first
    with service.client() as client:
        while accepted < at_most:
            batch = [heavy(accepted + n) for n in range(10)]
            answer = client.post("/v1/events", content=json.dumps(batch))
            if answer.status_code != 202:
                return accepted, answer
            accepted += 10
    raise AssertionError("it never filled up")


def check_full(answer: httpx.Response) -> None:
    assert answer.status_code == 503
    assert int(answer.headers["retry-after"]) >= 1
    assert answer.headers["content-type"] == "application/problem+json"
    assert "full" in answer.json()["detail"]


def test_at_max_size_ingest_waits_and_deliveries_go_on(tmp_path: Path, hook: WebhookReceiver) -> None:
    """503 with `Retry-After`; what was accepted is told meanwhile; once there is room it goes on without a restart."""
    parts = settings(hook, auto_resolve="8s")
    parts["database"] = {"url": f"sqlite:///{tmp_path / 'notifier.db'}", "max_size": "3MB"}
    with Service(tmp_path, parts) as service:
        accepted, refusal = fill(service)
        check_full(refusal)
        assert accepted > 0
        told = ("delivered", "pruned_deliveries")
        eventually(lambda: sum(service.accounting()[name] for name in told) >= accepted)
        assert len({request.headers["webhook-id"] for request in hook.requests}) == accepted

        def again() -> bool:
            return service.post({**EVENT, "id": "after"}).status_code == 202

        eventually(again, within=40)
        books = service.settle()
        assert books["accepted"] == accepted + 1
        assert books["shed_samples"] > 0


def test_on_a_full_disk_deliveries_go_on_and_it_recovers(tmp_path: Path, hook: WebhookReceiver) -> None:
    """ENOSPC: ingest answers 503, what was accepted is told from the reserve, and room is noticed without a restart."""
    with small_disk(tmp_path / "disk") as disk:
        parts = settings(hook, database={"url": f"sqlite:///{disk / 'notifier.db'}"})
        with Service(tmp_path, parts) as service:
            accepted = 50
            assert service.post([heavy(n) for n in range(accepted)]).status_code == 202
            filler = disk / "filler"
            with filler.open("wb", buffering=0) as file, suppress(OSError):
                while file.write(b"x" * 65_536):
                    pass
            accepted, refusal = fill(service, first=accepted)
            check_full(refusal)
            eventually(lambda: len(hook.requests) >= accepted)
            eventually(lambda: service.accounting()["delivered"] == accepted)
            filler.unlink()
            eventually(lambda: service.post({**EVENT, "id": "after"}).status_code == 202)
            eventually(
                lambda: len({request.headers["webhook-id"] for request in hook.requests}) == accepted + 1
            )
            assert service.settle()["accepted"] == accepted + 1


def test_a_table_that_is_gone_is_said(tmp_path: Path, hook: WebhookReceiver) -> None:
    """Somebody's hand, or half a restore: not ready, with the reason, and no traceback of `db check`."""
    with Service(tmp_path, settings(hook)) as service:
        with closing(sqlite3.connect(service.database)) as other:
            other.execute("DROP TABLE attempts")
        ready = eventually(
            lambda: next(
                (
                    answer
                    for answer in [httpx.get(f"{service.url}/readyz", timeout=20)]
                    if answer.status_code == 503
                ),
                None,
            )
        )
        assert "the database has no table attempts: restore a backup" in ready.json()["detail"]
        service.stop()
        checked = service.cli("db", "check", "--config", str(service.config))
        assert checked.returncode == 2
        assert checked.stderr == "notifier: the database has no table attempts: restore a backup\n"


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Another program holds the write lock."""
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")


def test_a_locked_database_is_waited_for_and_then_said_to_be_locked(
    tmp_path: Path, hook: WebhookReceiver
) -> None:
    """Up to five seconds nobody notices; beyond, 503 with `Retry-After` and not ready; afterwards all is well."""
    with Service(tmp_path, settings(hook)) as service:
        with locked(service.database):
            started = time.monotonic()
            answer = service.post({**EVENT, "id": "while-locked"})
            assert answer.status_code == 503
            assert int(answer.headers["retry-after"]) >= 1
            assert time.monotonic() - started < 20
            ready = httpx.get(f"{service.url}/readyz", timeout=20)
            assert ready.status_code == 503
            assert ready.headers["content-type"] == "application/problem+json"
            assert httpx.get(f"{service.url}/healthz").status_code == 200
        assert service.post({**EVENT, "id": "while-locked"}).status_code == 202
        eventually(lambda: httpx.get(f"{service.url}/readyz", timeout=20).status_code == 200)
        eventually(lambda: len(hook.requests) == 1)
        assert service.settle()["accepted"] == 1
        assert "Traceback" not in service.log
