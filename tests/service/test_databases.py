"""Databases that move: `db copy` between the engines and back, `db check`, and `restore` that pages nobody."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from notifier.testing import Answer, WebhookReceiver
from tests.postgres import PostgresCluster
from tests.processes import Service, cli, eventually


def settings(hook: WebhookReceiver, **parts: Any) -> dict[str, Any]:
    return {
        "channels": {"hook": {"type": "webhook", "url": hook.url}, "out": {"type": "console"}},
        "route": {
            "channels": ["out"],
            "group_by": ["incident"],
            "group_wait": "0s",
            "routes": [{"match": ['region="eu"'], "channels": ["hook"]}],
        },
        "delivery": {"allow_private_addresses": True},
        **parts,
    }


@pytest.fixture
def hook() -> Iterator[WebhookReceiver]:
    """A receiver that is busy at first, so that its deliveries wait."""
    with WebhookReceiver(default=Answer(status=429, headers={"retry-after": "5"})) as receiver:
        yield receiver


def live(service: Service) -> None:
    """A life: events of many causes, acts, a silence, task runs, what is resolved, told, and waits."""
    events: list[dict[str, Any]] = [
        {"id": f"e{n}", "service": "billing", "message": f"it broke at place-{n}", "fingerprint": [f"f{n}"]}
        for n in range(120)
    ]
    events.append(
        {"id": "eu", "service": "shop", "message": "ätzend \U0001f525 'quoted'", "labels": {"region": "eu"}}
    )
    with service.client() as client:
        assert client.post("/v1/events", json=events).status_code == 202
        eventually(lambda: service.delivery("out") is not None)
        for number, act in ((1, "acknowledge"), (2, "resolve"), (3, "notes")):
            body = {"text": "looked at it"} if act == "notes" else {}
            assert client.post(f"/v1/incidents/{number}/{act}", json=body).status_code == 200
        silence = {"matchers": ['service="none"'], "ends_at": "2100-01-01T00:00:00Z", "comment": "never"}
        assert client.post("/v1/silences", json=silence).status_code == 201
        runs = [
            {"id": f"r{n}", "task": "t", "service": "billing", "state": "completed", "duration_ms": n * 1.5}
            for n in range(30)
        ]
        assert client.post("/v1/task-runs", json=runs).status_code in {200, 202}
    eventually(lambda: service.accounting()["pending"] == 1 and service.accounting()["delivered"] >= 120)


def figures(service: Service) -> dict[str, Any]:
    """What a person would compare: the books, statistics, lists and one incident."""
    books = service.accounting()
    books["waiting"] = books.pop("pending") + books.pop("sending")  # it is tried again and again
    stats = service.get("/v1/stats", since="24h")
    story = service.get("/v1/incidents/1/timeline")["items"]
    return {
        "books": books,
        "tasks": stats["tasks"],
        "errors": stats["errors"],
        "incidents": [(one["number"], one["state"], one["count"]) for one in service.items("/v1/incidents")],
        "timeline": sorted(json.dumps(one) for one in story if one["kind"] != "next"),
        "found": [one["number"] for one in service.items("/v1/incidents", q="place-77")],
        "silences": service.items("/v1/silences"),
    }


def notifier(service: Service, *arguments: str, status: int = 0) -> dict[str, Any]:
    """A command on the service's configuration, while it is stopped; its JSON."""
    done = cli(*arguments, "--json", "--config", str(service.config), folder=service.folder)
    assert done.returncode == status, done.stdout + done.stderr
    document: dict[str, Any] = json.loads(done.stdout) if done.stdout else {"said": done.stderr}
    return document


@pytest.mark.slow
def test_from_sqlite_to_postgresql_and_back(
    tmp_path: Path, postgres_cluster: PostgresCluster, hook: WebhookReceiver
) -> None:
    """Every figure stays, new numbers go on, and what waited is told once, from the last of the three."""
    (tmp_path / "a").mkdir()
    with Service(tmp_path / "a", settings(hook)) as first:
        live(first)
        refused = notifier(first, "db", "copy", "--to", f"sqlite:///{tmp_path}/back.db", status=3)
        assert "in use by another notifier" in refused["said"]
        before = figures(first)
    with postgres_cluster.database(template="template0") as name:
        url = postgres_cluster.url(name)
        copied = notifier(first, "db", "copy", "--to", url)
        assert copied["balanced"]
        assert copied["tables"]["incidents"] == 121
        assert "not empty" in notifier(first, "db", "copy", "--to", url, status=2)["said"]
        (tmp_path / "b").mkdir()
        with Service(tmp_path / "b", settings(hook, database={"url": url})) as second:
            second.key = first.key
            assert figures(second) == before
            posted = second.post({"service": "new", "message": "another"}).json()
            assert second.get(f"/v1/incidents/{posted['incident_id']}")["number"] == 122
            eventually(lambda: second.accounting()["delivered"] == before["books"]["delivered"] + 1)
            after = figures(second)
            live_copy = notifier(second, "db", "copy", "--to", f"sqlite:///{tmp_path}/back.db", status=3)
            assert "stop them all" in live_copy["said"]
        assert notifier(second, "db", "check")["sound"]
        postgres_cluster.sql("DELETE FROM instance WHERE name LIKE 'replica:%'", name=name)
        assert notifier(second, "db", "copy", "--to", f"sqlite:///{tmp_path}/back.db")["balanced"]
    (tmp_path / "c").mkdir()
    third = Service(tmp_path / "c", settings(hook, database={"url": f"sqlite:///{tmp_path}/back.db"}))
    third.key = first.key
    hook.default = Answer()
    told = len(hook.requests)
    with third:
        assert figures(third)["incidents"] == after["incidents"]
        [waiting] = third.items("/v1/deliveries", channel="hook")
        eventually(lambda: third.delivery("hook") is not None)
        assert third.settle(within=60)["balanced"]
        ids = [one.headers["webhook-id"] for one in hook.requests[told:]]
        assert ids.count(waiting["id"]) == 1
    assert notifier(third, "db", "check") == {"sound": True, "flaws": [], "balanced": True, "differences": []}


def test_check_finds_what_is_wrong(tmp_path: Path, hook: WebhookReceiver) -> None:
    """A row that names what is not there, a counter that lies, a file that is damaged; and no database at all."""
    service = Service(tmp_path, settings(hook))
    assert "there is no database" in notifier(service, "db", "check", status=3)["said"]
    assert not service.database.exists()
    with service:
        service.post({"service": "billing", "message": "x"})
        service.settle()
    with closing(sqlite3.connect(service.database)) as file, file:
        file.execute("INSERT INTO members (group_id, incident, joined_at) VALUES ('nobody', 77, 1)")
        file.execute("UPDATE ledger SET n = n + 5 WHERE name = 'accepted'")
    found = notifier(service, "db", "check", status=1)
    assert [(flaw["where"], flaw["count"]) for flaw in found["flaws"]] == [
        ("members.group_id", 1),
        ("members.incident", 1),
    ]
    assert (found["sound"], found["balanced"]) == (False, False)


def test_a_restored_backup_pages_nobody(tmp_path: Path, hook: WebhookReceiver) -> None:
    """The old database is kept, the new one is held, what it would tell is said, and new incidents get new numbers."""
    service = Service(tmp_path, settings(hook))
    backup = tmp_path / "backup.db"
    with service:
        live(service)
        assert service.cli("backup", str(backup)).returncode == 0
        in_use = notifier(service, "restore", str(backup), "--replace", status=3)
        assert "in use by another notifier" in in_use["said"]
        service.post({"service": "late", "message": "after the backup"})
    told = len(hook.requests)
    hook.default = Answer()
    assert "--replace" in notifier(service, "restore", str(backup), status=2)["said"]
    done = notifier(service, "restore", str(backup), "--replace")
    assert done["waiting"] == [{"channel": "hook", "route": 'region="eu"', "count": 1}]
    assert (done["sound"], done["incidents"]) == (True, 121)
    with closing(sqlite3.connect(done["kept"])) as old:
        assert old.execute("SELECT count(*) FROM incidents").fetchone() == (122,)
    with service.start():
        assert service.get("/v1/hold")["held"]
        number = service.get(
            f"/v1/incidents/{service.post({'service': 'x', 'message': 'new'}).json()['incident_id']}"
        )
        assert number["number"] >= 100_000
        assert len(hook.requests) == told
        assert service.cli("release").returncode == 0
        service.settle()
    assert len(hook.requests) > told


@pytest.mark.parametrize("content", [b"", b"no database", b"SQLite format 3\0" + b"\0" * 5_000])
def test_what_is_no_backup_is_refused(tmp_path: Path, hook: WebhookReceiver, content: bytes) -> None:
    """With a sentence; the database that is there stays, and no other file is left."""
    service = Service(tmp_path, settings(hook))
    service.database.write_bytes(b"as it was")
    (tmp_path / "copy.db").write_bytes(content)
    said = notifier(service, "restore", str(tmp_path / "copy.db"), "--replace", status=2)["said"]
    assert "backup" in said or "no database of notifier" in said
    assert service.database.read_bytes() == b"as it was"
    left = {path.name for path in tmp_path.iterdir()}
    assert not {name for name in left if "restoring" in name}
    assert "there is no such backup" in notifier(service, "restore", "nothing.db", status=2)["said"]
