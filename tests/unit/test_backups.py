"""When a backup is due, its name, and which files give way: never somebody else's."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from notifier.domain.errors import StoreError
from notifier.domain.time import DAY, HOUR, MINUTE, SECOND, parse_rfc3339
from notifier.policy.backups import abandoned, count_backups, due_at, file_name, retry_at, surplus
from notifier.runtime import pg_dump
from notifier.runtime.pg_dump import environment
from notifier.runtime.transfer import copy_database

AT = parse_rfc3339("2026-11-27T03:15:00.250Z")


def test_the_next_is_due_after_the_last_one_that_was_made() -> None:
    """Counted from its beginning; the first one at once, and none before a lease or a rest after a failure is over."""
    assert due_at(None, DAY, not_before=AT) == AT
    assert due_at(AT, DAY, not_before=AT) == AT + DAY
    assert due_at(AT, DAY, not_before=AT + 2 * DAY) == AT + 2 * DAY
    assert retry_at(AT, DAY) == AT + 5 * MINUTE
    assert retry_at(AT, SECOND) == AT + SECOND


def test_names_sort_as_they_were_begun_and_the_oldest_go() -> None:
    made = [file_name(AT + hours * HOUR, "db") for hours in range(5)]
    assert made[0] == "notifier-20261127T031500Z.db"
    assert made == sorted(made)
    dump = file_name(AT + 9 * HOUR, "dump")
    others = [
        "notifier.db",
        "notifier-20261127T031500Z.db-wal",
        "my-notifier-20261127T031500Z.db",
        "notes.txt",
    ]
    assert surplus([*reversed(made), *others, dump], 2, newest=dump) == tuple(made[:4])
    assert surplus(others, 1, newest=dump) == ()
    assert count_backups([*made, *others]) == 5


def test_what_a_clock_that_was_ahead_has_named_goes_first() -> None:
    """The newest is never the one that goes, whatever the clock said before."""
    ahead = [file_name(AT + days * DAY, "db") for days in (400, 401)]
    made = [file_name(AT + hours * HOUR, "db") for hours in range(3)]
    assert surplus([*made, *ahead], 3, newest=made[-1]) == tuple(ahead)
    assert surplus([*made, *ahead], 1, newest=made[-1]) == (*ahead, *made[:2])


def test_what_a_killed_process_leaves_is_known_by_its_name() -> None:
    draft = f".{file_name(AT, 'db')}.copying"
    assert abandoned([draft, f"{draft}-journal", "copying", ".notifier.db.copying", file_name(AT, "db")]) == (
        draft,
        f"{draft}-journal",
    )


def test_pg_dump_is_told_in_variables() -> None:
    """A password is in no argument; what asyncpg alone understands is left out."""
    assert environment("postgresql://ann:p%40ss@db.example.com:5433/notifier?ssl=require&x=1") == {
        "PGHOST": "db.example.com",
        "PGPORT": "5433",
        "PGUSER": "ann",
        "PGPASSWORD": "p@ss",
        "PGDATABASE": "notifier",
        "PGSSLMODE": "require",
    }
    assert environment("postgresql://one:1,two/n") == {
        "PGHOST": "one,two",
        "PGPORT": "1,",
        "PGDATABASE": "n",
    }
    assert environment("postgresql:///notifier?host=/run/postgresql") == {
        "PGHOST": "/run/postgresql",
        "PGDATABASE": "notifier",
    }
    assert environment(
        "postgresql://ann@[::1]:5433/n?target_session_attrs=read-write&options=-c%20x%3D1"
    ) == {
        "PGHOST": "::1",
        "PGPORT": "5433",
        "PGUSER": "ann",
        "PGDATABASE": "n",
        "PGOPTIONS": "-c x=1",
        "PGTARGETSESSIONATTRS": "read-write",
    }


@pytest.mark.parametrize(
    ("url", "hosts", "ports"),
    [
        ("postgresql://ann:p%40ss@one:5433,two:5434/notifier", "one,two", "5433,5434"),
        ("postgresql://ann:p%40ss@one,two:5434/notifier", "one,two", ",5434"),
        ("postgresql://ann:p%40ss@one,two/notifier", "one,two", None),
        ("postgresql://ann:p%40ss@/notifier?host=one,two&port=5433,5434", "one,two", "5433,5434"),
    ],
)
def test_pg_dump_is_told_of_several_hosts(url: str, hosts: str, ports: str | None) -> None:
    """As the service's own driver tries them, one after another."""
    found = environment(url)
    assert (found["PGHOST"], found.get("PGPORT")) == (hosts, ports)
    assert (found["PGUSER"], found["PGPASSWORD"], found["PGDATABASE"]) == ("ann", "p@ss", "notifier")


def test_an_older_pg_dump_is_said_to_be_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its refusal of a newer server is a sentence about versions, and its own version is known."""
    program = tmp_path / "pg_dump"
    program.write_text(
        "#!/bin/sh\n"
        '[ "$1" = --version ] && echo "pg_dump (PostgreSQL) 15.19 (Debian 15.19-0+deb12u1)" && exit\n'
        'echo "pg_dump: error: aborting because of server version mismatch" >&2; exit 1\n'
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin")
    assert asyncio.run(pg_dump.version()) == 15
    with pytest.raises(StoreError, match="older than the server"):
        asyncio.run(pg_dump.write("postgresql://nobody@127.0.0.1/n", tmp_path / "copy.dump"))
    monkeypatch.setenv("PATH", "/nowhere")
    assert asyncio.run(pg_dump.version()) is None


@pytest.mark.parametrize(
    ("to", "sentence"),
    [
        ("postgres://u:hunter2@h:x/n", "the port is a number from 1 to 65535"),
        ("sqlite:///a.db?mode=ro", "has no parameters"),
    ],
)
def test_a_copy_goes_where_a_configuration_could_lead(tmp_path: Path, to: str, sentence: str) -> None:
    """The address of the target is judged as `database.url` is, before anything is opened."""
    file = tmp_path / "notifier.yaml"
    file.write_text(f"database: {{url: 'sqlite:///{tmp_path}/source.db'}}\n")
    with pytest.raises(StoreError, match=sentence) as refused:
        copy_database(str(file), {}, to)
    assert "hunter2" not in str(refused.value)
    assert [path.name for path in tmp_path.iterdir()] == ["notifier.yaml"]
