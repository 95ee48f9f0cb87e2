"""A backup that is restored: its incidents go on under numbers that no mail has named."""

from __future__ import annotations

import sqlite3
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest

from notifier.testing import SmtpServer
from tests.disk import small_disk
from tests.processes import Service, cli

URL = "https://notifier.example.com"
CONSOLE = {"channels": {"out": {"type": "console"}}, "route": {"channels": ["out"]}}


def event(name: str) -> dict[str, Any]:
    return {"service": "billing", "message": f"{name} failed", "fingerprint": [name]}


def opened(service: Service, name: str) -> dict[str, Any]:
    """The incident that an event has opened."""
    found: dict[str, Any] = service.get(f"/v1/incidents/{service.post(event(name)).json()['incident_id']}")
    return found


def restore(service: Service, copy: bytes) -> None:
    assert service.stop() == 0
    for file in service.folder.glob("notifier.db*"):
        file.unlink()
    service.database.write_bytes(copy)
    service.start()


def test_numbers_do_not_come_again(tmp_path: Path) -> None:
    """They continue at the next multiple of 100,000, once, and the log says so once."""
    with SmtpServer() as smtp:
        mail = {"type": "email", "smtp": {"host": "127.0.0.1", "port": smtp.port}, "from": "n@example.com"}
        settings = {
            "server": {"url": URL},
            "channels": {"mail": {**mail, "to": ["ada@example.com"]}},
            "route": {"channels": ["mail"], "group_by": ["incident"], "group_wait": "0s"},
        }
        with Service(tmp_path, settings) as service:
            assert opened(service, "a")["number"] == 1
            smtp.wait_for(1)
            with service.client() as client:
                copy = client.post("/v1/backup").content
            lost = opened(service, "b")
            assert lost["number"] == 2
            mails = smtp.wait_for(2)
            assert f"{URL}/incidents/2?id={lost['id']}" in mails[1].text
            assert f'href="{URL}/incidents/2?id={lost["id"]}"' in mails[1].html
            restore(service, copy)
            assert opened(service, "c")["number"] == 100_000
            assert service.stop() == 0
            service.start()
            assert opened(service, "d")["number"] == 100_001
            with service.client() as client:
                second = client.post("/v1/backup").content
            restore(service, second)
            later = opened(service, "e")
            assert later["number"] == 200_000
            assert later["url"] == f"{URL}/incidents/200000?id={later['id']}"
            assert service.get("/v1/incidents/1")["title"] == "a failed"
            with service.client() as client:
                assert client.get(f"/v1/incidents/{lost['id']}").status_code == 404
        said = [line for line in service.log.splitlines() if "restored_from_a_backup" in line]
        assert [number in line for number, line in zip(("100000", "200000"), said, strict=True)] == [
            True,
            True,
        ]


@pytest.mark.parametrize("events", [0, 1])
def test_the_marked_copy_is_a_whole_database(tmp_path: Path, events: int) -> None:
    """In one file; one that has no incident yet begins at 100,000 as well."""
    with Service(tmp_path, {}) as service:
        for number in range(events):
            service.post(event(str(number)))
        done = service.cli("backup", str(tmp_path / "copy.db"))
        assert done.returncode == 0, done.stderr
        copy = (tmp_path / "copy.db").read_bytes()
        (tmp_path / "copy.db").unlink()
        with closing(sqlite3.connect(service.database)) as connection:
            assert connection.execute("PRAGMA user_version").fetchone() == (0,)
        restore(service, copy)
        assert opened(service, "next")["number"] == 100_000
        assert service.accounting()["balanced"] == 1


def test_a_disk_without_room_is_what_is_said(tmp_path: Path) -> None:
    """A copy is refused before it fills the service's own disk; a restore blames the disk, and not the copy."""
    with small_disk(tmp_path / "disk") as disk:
        with Service(disk, CONSOLE) as service:
            refused = service.cli("backup", str(tmp_path / "copy.db"))
            assert refused.returncode != 0
            assert "there is no room for a copy" in refused.stderr
            assert not (tmp_path / "copy.db").exists()
            assert service.post(event("a")).status_code == 202
        (tmp_path / "copy.db").write_bytes(service.database.read_bytes())
        target = tmp_path / "target"
        with small_disk(target):
            (target / "notifier.yaml").write_text(f"database: {{url: 'sqlite:///{target}/notifier.db'}}\n")
            with (target / "full").open("wb") as full, suppress(OSError):
                full.write(bytes(41_943_040 - 200_000))
            done = cli(
                "restore",
                "--config",
                str(target / "notifier.yaml"),
                str(tmp_path / "copy.db"),
                folder=tmp_path,
            )
            assert done.returncode == 2
            assert "there is no room for the backup on the database's disk" in done.stderr
            assert not (target / "notifier.db").exists()
