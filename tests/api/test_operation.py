"""`/healthz`, `/readyz`, `/metrics`, `/v1/backup`, and the OpenAPI document."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from notifier.api.doors.description import described
from notifier.api.doors.table import DOORS
from notifier.domain.value import replace
from notifier.settings.sections import DatabaseSettings
from notifier.store import audit
from tests.api.conftest import Desk

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
class TestProbes:
    async def test_healthz_is_alive_without_a_key(self, desk: Desk) -> None:
        """The answer is 200 while the process runs, ready or not."""
        desk.service.problems = ("down",)
        answer = await desk.get("/healthz", None)
        assert (answer.status_code, answer.json()) == (200, {"status": "ok"})

    async def test_readyz_gives_its_reasons(self, desk: Desk) -> None:
        """The answer is 200 when ready, else 503 with every reason."""
        answer = await desk.get("/readyz", None)
        assert (answer.status_code, answer.json()) == (200, {"status": "ready"})
        desk.service.problems = ("the delivery loop has not moved for 40 s", "no commit works")
        answer = await desk.get("/readyz", None)
        assert answer.status_code == 503
        assert answer.headers["retry-after"] == "1"
        assert answer.json()["detail"].startswith("not ready: the delivery loop")
        assert [error["message"] for error in answer.json()["errors"]] == list(desk.service.problems)

    async def test_metrics_are_open_on_loopback_only(self, desk: Desk) -> None:
        """If the service listens on other addresses, `read` is needed."""
        for host in ("127.0.0.1", "127.9.9.9", "::1", "localhost"):
            listen(desk, host)
            answer = await desk.get("/metrics", None)
            assert answer.status_code == 200
            assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
            assert answer.text.startswith("# HELP notifier_")
        for host in ("0.0.0.0", "::", "10.0.0.1", "notifier.internal"):
            listen(desk, host)
            assert (await desk.get("/metrics", None)).status_code == 401
            assert (await desk.get("/metrics", "sender")).status_code == 403
            assert (await desk.get("/metrics", "reader")).status_code == 200


def listen(desk: Desk, host: str) -> None:
    settings = desk.service.settings
    desk.service.settings = replace(settings, server=settings.server.model_copy(update={"host": host}))


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
class TestBackup:
    async def test_a_backup_is_a_database(self, desk: Desk, tmp_path: Path) -> None:
        """The download is the whole consistent file; no file is left, and the actor is audited."""
        await desk.world.post("it broke")
        answer = await desk.post("/v1/backup", key="admin")
        assert answer.status_code == 200
        assert answer.headers["content-type"] == "application/vnd.sqlite3"
        assert int(answer.headers["content-length"]) == len(answer.content)
        copy = tmp_path / "copy.db"
        copy.write_bytes(answer.content)
        with closing(sqlite3.connect(copy)) as connection:
            assert connection.execute("SELECT title FROM incidents").fetchall() == [("it broke",)]
            assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert not list(tmp_path.glob(".backup-*"))
        (entry,) = await desk.world.database.read(lambda tx: audit.entries(tx, "database"))
        assert (entry.actor, entry.action) == ("admin", "backup")

    async def test_one_backup_at_a_time(self, desk: Desk) -> None:
        """A second concurrent backup is a 409, and a later one works."""
        both = await asyncio.gather(*(desk.post("/v1/backup", key="admin") for _ in range(2)))
        assert sorted(answer.status_code for answer in both) == [200, 409]
        assert (await desk.post("/v1/backup", key="admin")).status_code == 200

    async def test_a_backup_that_fails_leaves_nothing_behind(self, desk: Desk, tmp_path: Path) -> None:
        """An unreadable file is a 500 without its path, and the next backup works."""
        good = desk.service.settings
        nowhere = DatabaseSettings(url=f"sqlite:///{tmp_path}/nowhere/x.db")
        desk.service.settings = replace(good, database=nowhere)
        answer = await desk.post("/v1/backup", key="admin")
        assert answer.status_code == 500
        assert str(tmp_path) not in answer.text
        desk.service.settings = good
        assert (await desk.post("/v1/backup", key="admin")).status_code == 200


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
async def test_postgresql_is_backed_up_by_its_own_tool(desk: Desk) -> None:
    """On PostgreSQL the answer is a 409 that names pg_dump."""
    answer = await desk.post("/v1/backup", key="admin")
    assert answer.status_code == 409
    assert "pg_dump" in answer.json()["detail"]


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
class TestDocument:
    async def test_every_call_is_described(self, desk: Desk) -> None:
        """Each operation has its key and its problems, and every schema is used."""
        document = (await desk.get("/openapi.json", None)).json()
        assert document["openapi"].startswith("3.1")
        for path, methods in document["paths"].items():
            for method, operation in methods.items():
                where = (method, path)
                assert operation["operationId"], where
                for status, answer in operation["responses"].items():
                    if int(status) >= 400:
                        assert "application/problem+json" in answer["content"], (*where, status)
                if path in {
                    "/v1/slack/actions",
                    "/v1/interactions/{channel}",
                }:  # signed by the receiver instead
                    assert "security" not in operation
                elif path.startswith("/v1/"):
                    assert operation["security"] == [{"key": []}], where
                    assert {"401", "403", "503"} <= set(operation["responses"]), where
        text = (await desk.get("/openapi.json", None)).text
        for name in document["components"]["schemas"]:
            assert f'"#/components/schemas/{name}"' in text, name
        for reference in set(_references(document)):
            assert reference in document["components"]["schemas"], reference

    async def test_ingest_is_described_though_it_goes_past(self, desk: Desk) -> None:
        """The OpenAPI document contains the event's fields and answers, although FastAPI does not serve them."""
        document = (await desk.get("/openapi.json", None)).json()
        operation = document["paths"]["/v1/events"]["post"]
        assert set(operation["responses"]) == {"202", "401", "403", "413", "415", "422", "429", "503"}
        event = document["components"]["schemas"]["Event"]
        assert event["required"] == ["service"]
        known, anything = event["properties"]["severity"]["anyOf"]
        assert known["enum"] == ["critical", "error", "warning", "info", "none"]
        assert anything == {}


def test_every_door_is_described() -> None:
    """The doors in the OpenAPI document are those that are served."""
    rows = {(method.lower(), path) for method, path, _ in DOORS}
    assert rows == {(method, path.rstrip("/")) for path, methods in described().items() for method in methods}


def _references(node: object) -> list[str]:
    if isinstance(node, dict):
        own = [node["$ref"].rpartition("/")[2]] if isinstance(node.get("$ref"), str) else []
        return own + [one for value in node.values() for one in _references(value)]
    if isinstance(node, list):
        return [one for value in node for one in _references(value)]
    return []
