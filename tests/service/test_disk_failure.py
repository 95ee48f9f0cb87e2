"""An fsync that fails, whatever transaction meets it: nothing more is acknowledged, and the process ends with 70."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from notifier.store.sqlite_files import Quota
from notifier.testing import Answer, WebhookReceiver
from tests.disk import Disk, faulty
from tests.processes import Service, clean_environ, eventually

EVENT: dict[str, Any] = {"service": "billing", "message": "it broke"}
LOG = "fail -wal"
FILE = "fail notifier.db"


def settings(hook: WebhookReceiver) -> dict[str, Any]:
    return {
        "channels": {"hook": {"type": "webhook", "url": hook.url}},
        "route": {"channels": ["hook"], "group_by": ["incident"], "group_wait": "0s"},
        "delivery": {"allow_private_addresses": True},
    }


@pytest.fixture
def disk(tmp_path: Path) -> Disk:
    return faulty(tmp_path)


@pytest.fixture
def hook() -> Iterator[WebhookReceiver]:
    with WebhookReceiver(default=Answer(delay=0.4)) as receiver:
        yield receiver


def is_refused(service: Service, event: dict[str, Any]) -> bool:
    """Whether a post was not acknowledged: 503, or the process that met the failure elsewhere has ended by now."""
    try:
        return service.post({**EVENT, **event}).status_code == 503
    except httpx.TransportError:
        return True


def ends(service: Service) -> None:
    """The process ends with 70, and until then it acknowledges nothing."""
    with service.client() as client:
        try:
            while service.process is not None and service.process.poll() is None:
                assert client.post("/v1/events", json={**EVENT, "id": "late"}).status_code == 503
                time.sleep(0.02)
        except httpx.TransportError:
            pass
    assert service.exit() == 70
    assert "service_broken" in service.log


def recovers(service: Service, hook: WebhookReceiver, ids: set[str]) -> None:
    """What was acknowledged is there after a start, and is told."""
    service.start()
    books = service.settle()
    assert books["accepted"] == len(ids)
    assert books["delivered"] == len(ids)
    heard = {one["id"] for request in hook.requests for one in request.json()["data"]["incidents"]}
    assert ids <= heard


def test_in_ingest(tmp_path: Path, disk: Disk, hook: WebhookReceiver) -> None:
    """The sender of the event is told to come again."""
    with Service(tmp_path, settings(hook), environ=disk.environ) as service:
        first = service.post({**EVENT, "id": "first"}).json()["incident_id"]
        service.settle()
        disk.order(LOG)
        assert is_refused(service, {"id": "second", "fingerprint": ["other"]})
        assert disk.obeyed
        ends(service)
        recovers(service, hook, {first})


@pytest.mark.slow
def test_in_a_delivery(tmp_path: Path, disk: Disk, hook: WebhookReceiver) -> None:
    """The receiver has it, and what became of it cannot be written: it comes once more, as a possible repeat."""
    with Service(tmp_path, settings(hook), environ=disk.environ) as service:
        first = service.post({**EVENT, "id": "first"}).json()["incident_id"]
        hook.wait_for(1)
        disk.order(LOG)
        eventually(lambda: disk.obeyed)
        ends(service)
        recovers(service, hook, {first})
        assert len(hook.requests) == 2


@pytest.mark.slow
def test_in_a_checkpoint(tmp_path: Path, disk: Disk, hook: WebhookReceiver) -> None:
    """Nobody waits for a checkpoint, so nobody would hear of it."""
    with Service(tmp_path, settings(hook), environ=disk.environ) as service:
        first = service.post({**EVENT, "id": "first"}).json()["incident_id"]
        service.settle()
        disk.order(FILE)
        while not disk.obeyed:
            is_refused(service, {"id": "first"})
            time.sleep(0.4)  # a checkpoint waits for a pause
        ends(service)
        recovers(service, hook, {first})


CODE = """
import asyncio, pathlib, sys, sqlalchemy as sa, structlog
from notifier.domain.errors import StoreBroken
from notifier.store.database import Tx
from notifier.store.sqlite import SqliteDatabase
from notifier.telemetry.clock import SystemClock

structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))

async def main():
    path, orders, order, options = sys.argv[1], pathlib.Path(sys.argv[2]), sys.argv[3], eval(sys.argv[4])
    database = SqliteDatabase(pathlib.Path(path), clock=SystemClock())
    await database.write(lambda tx: tx.run(sa.text("CREATE TABLE t (n)")))
    orders.write_text(order)
    if options is not None:
        try:
            await database.write(lambda tx: tx.run(sa.text("INSERT INTO t VALUES (1)")), **options)
        except StoreBroken:
            print("refused")
    await asyncio.wait_for(database.broken.wait(), 60)
    for _ in range(3):
        try:
            await database.write(lambda tx: tx.run(sa.text("INSERT INTO t VALUES (1)")))
        except StoreBroken:
            print("refused")
    await database.aclose()

asyncio.run(main())
"""


@pytest.mark.parametrize(
    ("order", "options", "refused"),
    [
        (LOG, {}, 4),
        (LOG, {"essential": False}, 4),
        (LOG, {"housekeeping": True}, 4),
        (FILE, None, 3),
    ],
)
def test_any_transaction_and_a_checkpoint_latch_the_writer(
    tmp_path: Path, disk: Disk, order: str, options: dict[str, bool] | None, refused: int
) -> None:
    """One failure, and the later ones, whose fsync would be well, are refused as well; the process is told to end."""
    path = tmp_path / "notifier.db"
    command = [sys.executable, "-c", CODE, str(path), str(disk.orders), order, repr(options)]
    done = subprocess.run(
        command,
        env={**clean_environ(), **disk.environ},
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )
    assert done.stdout.split().count("refused") == refused, done.stdout + done.stderr
    assert done.returncode == 0, done.stderr


STUCK = """
import asyncio, os, pathlib, sys, sqlalchemy as sa, structlog
from notifier.domain.errors import StoreUnavailable
from notifier.store.sqlite import SqliteDatabase
from notifier.telemetry.clock import SystemClock

structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))

async def main():
    path, orders, order = sys.argv[1], pathlib.Path(sys.argv[2]), sys.argv[3]
    database = SqliteDatabase(pathlib.Path(path), clock=SystemClock(), stuck_s=0.5)
    await database.write(lambda tx: tx.run(sa.text("CREATE TABLE t (n)")))
    orders.write_text(order)
    insert = lambda tx: tx.run(sa.text("INSERT INTO t VALUES (1)"))
    first = asyncio.ensure_future(database.write(insert, limit=100))
    while not database.broken.is_set():
        await asyncio.sleep(0.4)  # a checkpoint waits for a pause
        try:
            await database.write(insert, limit=100)
        except StoreUnavailable:
            print("refused", flush=True)
    print("broken", flush=True)
    os._exit(0)

asyncio.run(asyncio.wait_for(main(), 60))
"""


@pytest.mark.parametrize("order", ["hang -wal", "hang notifier.db"])
def test_a_disk_that_hangs_in_a_commit_or_a_checkpoint_is_seen(
    tmp_path: Path, disk: Disk, order: str
) -> None:
    """Whatever the writer does when its disk stops to answer: who waits is refused, and the process is told to end."""
    command = [sys.executable, "-c", STUCK, str(tmp_path / "notifier.db"), str(disk.orders), order]
    environ = {**clean_environ(), **disk.environ}
    done = subprocess.run(command, env=environ, capture_output=True, text=True, check=False, timeout=100)
    assert done.returncode == 0, done.stdout + done.stderr
    said = done.stdout.split()
    assert "refused" in said, said
    assert said[-1] == "broken"


@pytest.mark.slow(takes=95)
def test_a_disk_that_hangs_is_seen_and_ends_the_process(
    tmp_path: Path, disk: Disk, hook: WebhookReceiver
) -> None:
    """An fsync that never returns is no error: nothing is acknowledged, `/readyz` says so, and it ends with 70."""
    with Service(tmp_path, settings(hook), environ=disk.environ) as service:
        service.post({**EVENT, "id": "first"})
        service.settle()
        disk.order("hang -wal")
        assert service.post({**EVENT, "id": "second", "fingerprint": ["other"]}).status_code == 503
        ready = httpx.get(f"{service.url}/readyz", timeout=60)
        assert ready.status_code == 503
        assert service.exit(within=150) == 70
        disk.orders.unlink()
        service.start()
        assert service.settle()["balanced"]


QUOTA = """
import asyncio, pathlib, sys, sqlalchemy as sa, structlog
from notifier.domain.errors import StoreFull
from notifier.store.sqlite import SqliteDatabase
from notifier.telemetry.clock import SystemClock

structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))

async def main():
    orders = pathlib.Path(sys.argv[2])
    database = SqliteDatabase(pathlib.Path(sys.argv[1]), clock=SystemClock())
    insert = lambda tx: tx.run(sa.text("INSERT INTO t VALUES (1)"))
    await database.write(lambda tx: tx.run(sa.text("CREATE TABLE t (n)")))
    orders.write_text("full notifier.db")
    try:
        await database.write(insert)
    except StoreFull:
        print("full")
    orders.unlink()
    await database.write(insert)
    print(await database.read(lambda tx: tx.run(sa.text("SELECT count(*) FROM t")).scalar_one()))
    print(database.broken.is_set())
    await database.aclose()

asyncio.run(main())
"""


def test_a_quota_that_is_used_up_is_a_full_disk(tmp_path: Path, disk: Disk) -> None:
    """EDQUOT: SQLite calls it a failed write, as of a broken disk; nothing ends, and it goes on once there is room."""
    command = [sys.executable, "-c", QUOTA, str(tmp_path / "notifier.db"), str(disk.orders)]
    environ = {**clean_environ(), **disk.environ}
    done = subprocess.run(command, env=environ, capture_output=True, text=True, check=False, timeout=100)
    assert done.stdout.split() == ["full", "1", "False"], done.stdout + done.stderr


def test_a_quota_that_was_used_up_a_moment_ago_still_counts(tmp_path: Path) -> None:
    """Space that is freed between a failed write and the look at the disk makes no broken disk of it."""
    room = [False, True, True]
    quota = Quota(tmp_path / "notifier.db", has_room=lambda _path: room.pop(0))
    assert quota.used_up()
    assert quota.used_up()
    assert not Quota(tmp_path / "notifier.db", has_room=lambda _path: True).used_up()
