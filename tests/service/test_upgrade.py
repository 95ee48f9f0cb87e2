"""From an earlier version to this one and back, as the manual's chapter says."""

from __future__ import annotations

import re
import shutil
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from notifier.runtime import backup
from notifier.store.sqlite import create_engine
from notifier.testing import WebhookReceiver
from tests.earlier import Earlier
from tests.processes import Service, eventually

TRACE = {
    "type": "TimeoutError",
    "module": "builtins",
    "message": "upstream timed out after 30s",
    "frames": [
        {"file": "billing/tasks.py", "function": "charge", "line": 88, "code": "await gateway.charge(order)"}
    ],
}


@pytest.fixture
def hook() -> Iterator[WebhookReceiver]:
    with WebhookReceiver() as receiver:
        yield receiver


def settings(hook: WebhookReceiver) -> dict[str, Any]:
    """The routes by which the earlier versions have told, and their channels."""
    names = ("busy", "fine", "gone")
    return {
        "channels": {name: {"type": "webhook", "url": f"{hook.url}/{name}"} for name in names},
        "fallback": "fine",
        "route": {
            "channels": ["fine"],
            "group_by": ["incident"],
            "group_wait": "0s",
            "routes": [
                {"match": ['region="eu"'], "channels": ["busy"]},
                {"match": ['service="old"'], "channels": ["gone"], "continue": True},
                {"match": ['service="later"'], "channels": ["fine"], "group_wait": "2h"},
            ],
        },
        "delivery": {"allow_private_addresses": True},
    }


def tables(path: Path) -> set[str]:
    with closing(sqlite3.connect(path)) as file:
        return set(file.iterdump())


@pytest.mark.slow
def test_the_way_there_and_back(tmp_path: Path, hook: WebhookReceiver) -> None:
    """It keeps a copy; what waited is told once; keys and identities go on; the copy is as it was."""
    service = Service(tmp_path, settings(hook))
    old = Earlier.read("0001", int(time.time() * 1000), receiver=hook.url)
    old.write(service.database)
    before = tables(service.database)
    waiting = {row["id"] for row in old.rows()["deliveries"] if row["state"] == "pending"}
    service.key = old.keys[0]
    with service:
        assert "ntf_" not in service.out
        found = re.search(r'"kept": "([^"]+)", "event": "database_upgraded"', service.log)
        assert found is not None, service.log
        eventually(lambda: waiting <= {one.headers["webhook-id"] for one in hook.requests})
        assert (
            service.post({"id": "new", "service": "billing", "exception": TRACE}).json()["status"]
            == "accepted"
        )
        again = service.post({"id": "order-3", "service": "billing", "exception": TRACE}).json()
        assert again["status"] == "duplicate"
        assert service.get(f"/v1/incidents/{again['incident_id']}")["count"] == 6
        service.settle()
        states = {one["number"]: one["state"] for one in service.items("/v1/incidents", limit=100)}
        assert states == {row["number"]: row["state"] for row in old.rows()["incidents"]}
        with service.client(old.keys[1]) as sender, service.client(old.keys[2]) as revoked:
            assert sender.post("/v1/events", json={"service": "x", "message": "y"}).status_code == 202
            assert revoked.post("/v1/events", json={}).status_code == 401
    ids = [one.headers["webhook-id"] for one in hook.requests]
    assert [ids.count(one) for one in waiting] == [1, 1]
    copy = Path(found[1])
    assert copy.stat().st_mode & 0o777 == 0o600
    assert tables(copy) == before
    with closing(sqlite3.connect(service.database)) as file, file:
        file.execute("UPDATE alembic_version SET version_num = '9999'")
    assert service.start(wait=False).exit() == 2
    assert "made by a newer notifier" in service.log
    for part in ("", "-wal", "-shm"):
        Path(f"{service.database}{part}").unlink(missing_ok=True)
    shutil.copyfile(copy, service.database)
    with service.start("--hold"):
        assert service.get("/v1/hold")["held"]


def test_a_copy_ends_however_much_is_written_meanwhile(tmp_path: Path) -> None:
    """SQLite begins again with each commit of another connection, unless the copy is one transaction."""
    path = tmp_path / "notifier.db"
    engine = create_engine(path)
    with engine.begin() as connection:
        connection.execute(sa.text("CREATE TABLE filler AS SELECT randomblob(9000000) AS b, 0 AS n"))
    written = 0
    source = create_engine(path, read_only=True)
    with closing(sqlite3.connect(tmp_path / "copy.db")) as target:

        def write(_status: int, _remaining: int, _total: int) -> None:
            nonlocal written
            written += 1
            assert written < 20
            with engine.begin() as connection:
                connection.execute(sa.text("UPDATE filler SET n = n + 1"))

        backup.copy_into(source, target, progress=write)
        assert target.execute("SELECT n FROM filler").fetchone() == (0,)
    assert written > 1
    for one in (engine, source):
        one.dispose()
