"""A SQLite file as after a year of use: incidents, runs, counters, groups, deliveries and dead letters."""

from __future__ import annotations

import json
import random
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path

from notifier.policy import searching
from notifier.policy.fingerprint import VERSION
from notifier.store.schema import BLOCK
from notifier.store.schema.triggers import ALL

PROJECT = "default"
MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000
SPREAD = 14 * DAY
SERVICES, TYPES, TASKS = 40, 60, 50
TEMPLATES = (
    "could not charge order {ref}: upstream timed out",
    "upstream answered 502 for tenant {ref}",
    "connection to replica {ref} was reset by peer",
    "job {ref} ran out of memory in the flux stage",
    "missing translation for key {ref}",
    "disk quota of volume {ref} is nearly used up",
    "unexpected token while parsing document {ref}",
    "lock of account {ref} was not given back in time",
)
SEVERITIES = ("critical", "error", "error", "error", "warning", "info")
UNRESOLVED_ONE_IN = 20
HELD_ONE_IN = 50
DELIVERIES_ONE_IN = 4
DEAD_ONE_IN = 100
FAILED_ONE_IN = 40
# Rows that housekeeping and the service would have written.
_WRITTEN = """
INSERT INTO event_figures (step, project, at, type, replica, n, first_seen, last_seen)
SELECT step, project, minute - minute % step, labels ->> 'exception', 'bench', sum(n), min(first_seen), max(last_seen)
FROM tallies JOIN incidents ON number = incident
CROSS JOIN (SELECT 60000 AS step UNION ALL SELECT 3600000 UNION ALL SELECT 86400000)
GROUP BY 1, 2, 3, 4;
INSERT INTO incident_order (number, project, closed, severity, count, last_seen)
SELECT number, project, CASE state WHEN 'open' THEN 0 WHEN 'resolved' THEN 1 ELSE 2 END,
CASE severity WHEN 'critical' THEN 4 WHEN 'error' THEN 3 WHEN 'warning' THEN 2 ELSE 1 END, count, last_seen
FROM incidents;
INSERT OR REPLACE INTO instance (name, at) SELECT 'order', max(received_at) FROM events;
INSERT OR REPLACE INTO instance (name, at) SELECT 'terms', max(number) FROM incidents;
"""


def fill(file: Path, count: int, *, now: int) -> None:
    """Write this many incidents and task runs with all that belongs to them, in time order over fourteen days."""
    with closing(sqlite3.connect(file, isolation_level=None)) as connection:
        connection.execute("PRAGMA synchronous=OFF")
        connection.execute("PRAGMA cache_size=-400000")
        connection.execute("BEGIN")
        triggers = connection.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").fetchall()
        for name, _ in triggers:
            connection.execute(f"DROP TRIGGER {name}")
        channels = [connection.execute("SELECT id FROM targets").fetchone()[0]]
        connection.execute("INSERT INTO targets (channel, address) VALUES ('rare', 'nobody')")
        channels.append(connection.execute("SELECT max(id) FROM targets").fetchone()[0])
        for table, rows in (
            ("incidents", _incidents(count, now)),
            ("events", _events(count, now)),
            ("tallies", _tallies(count, now)),
            ("groups", _groups(now)),
            ("members", _members(count, now)),
            ("notifications", _notifications(count, now)),
            ("deliveries", _deliveries(count, now, channels)),
            ("task_runs", _runs(count, now)),
            ("incident_terms", _terms(count)),
        ):
            _insert(connection, table, rows)
        for statement in (*_WRITTEN.strip().split(";\n"), *_figures(), *(text for _, text in triggers)):
            connection.execute(statement)
        counted = connection.execute("SELECT sum(count) FROM incidents").fetchone()[0]
        created = connection.execute("SELECT count(*) FROM deliveries").fetchone()[0]
        connection.executemany(
            "INSERT INTO ledger (replica, name, n) VALUES ('bench', ?, ?)",
            [("accepted", counted), ("counted", counted), ("created_deliveries", created)],
        )
        connection.execute("COMMIT")


def _figures() -> Iterator[str]:
    """The statistics of runs and deliveries in bulk: by triggers, row by row, they would take minutes."""
    for table, figures in ALL.items():
        for figure in figures:
            rows = f"SELECT 1 AS sign, {', '.join(figure.columns)} FROM {table}"
            yield figure.statement(rows, "'bench'", grouped=True)


def _insert(connection: sqlite3.Connection, table: str, rows: Iterator[dict[str, object]]) -> None:
    first = next(rows)
    names = ", ".join(first)
    places = ", ".join(f":{name}" for name in first)
    statement = f"INSERT INTO {table} ({names}) VALUES ({places})"
    connection.execute(statement, first)
    connection.executemany(statement, rows)


def _at(number: int, count: int, now: int) -> int:
    return now - SPREAD + SPREAD * number // (count + 1)


def _unresolved(number: int, count: int) -> bool:
    """Half of the unresolved incidents are new, half are spread over all."""
    return number > count - count // (2 * UNRESOLVED_ONE_IN) or number % (2 * UNRESOLVED_ONE_IN) == 0


def _events_of(number: int) -> int:
    """Most incidents have one event, few have very many."""
    return random.Random(number).choice((1, 1, 1, 1, 2, 3, 5, 20, 200, 5_000)) + number % 7


def _incident_id(number: int) -> str:
    return f"01970000-0000-7000-8000-{number:012x}"


def _labels(number: int) -> dict[str, str]:
    return {
        "project": PROJECT,
        "service": f"service-{number % SERVICES}",
        "environment": "production" if number % 5 else "staging",
        "severity": SEVERITIES[number % len(SEVERITIES)],
        "exception": f"Error{number * 7 % TYPES}",
        "host": f"worker-{number % 97}",
    }


def _title(number: int) -> str:
    return f"Error{number * 7 % TYPES}: {TEMPLATES[number % len(TEMPLATES)].format(ref=f'ref{number:06}')}"


def _incidents(count: int, now: int) -> Iterator[dict[str, object]]:
    for number in range(1, count + 1):
        at, labels = _at(number, count, now), _labels(number)
        open_ = _unresolved(number, count)
        yield {
            "number": number,
            "id": _incident_id(number),
            "project": PROJECT,
            "environment": labels["environment"],
            "fingerprint": f"fp-{number:09}",
            "closed": 0 if open_ else number,
            "state": ("acknowledged" if number % 11 == 0 else "open") if open_ else "resolved",
            "title": _title(number),
            "severity": labels["severity"],
            "labels": json.dumps(labels, separators=(",", ":")),
            "count": _events_of(number),
            "opened_at": at,
            "first_seen": at,
            "last_seen": at + number % 3 * MINUTE,
            "resolved_at": None if open_ else at + 10 * MINUTE,
            "routed": 3,
            "quiet_since": now,
            "version": VERSION,
        }


def _events(count: int, now: int) -> Iterator[dict[str, object]]:
    for number in range(1, count + 1):
        at = _at(number, count, now) + number % 3 * MINUTE
        document = {"id": f"e-{number}", "message": _title(number), "labels": _labels(number)}
        yield {
            "incident": number,
            "seq": _events_of(number),
            "id": f"e-{number}",
            "at": at,
            "received_at": at,
            "document": json.dumps(document, separators=(",", ":")),
        }


def _tallies(count: int, now: int) -> Iterator[dict[str, object]]:
    for number in range(1, count + 1):
        at, n = _at(number, count, now) // MINUTE * MINUTE, _events_of(number)
        # Older than two days, in hours, as housekeeping leaves them.
        if at < (now - 2 * DAY) // HOUR * HOUR:
            yield {"incident": number, "minute": at // HOUR * HOUR, "n": n}
            continue
        minutes = min(3, n)
        for index in range(minutes):
            share = n - (minutes - 1) * (n // minutes) if index == 0 else n // minutes
            yield {"incident": number, "minute": at + index * MINUTE, "n": share}


def _terms(count: int) -> Iterator[dict[str, object]]:
    for start in range(0, count + 1, BLOCK):
        numbers = range(max(1, start), min(start + BLOCK, count + 1))
        found = {term for number in numbers for term in searching.terms(_title(number), _labels(number))}
        for term in sorted(found):
            yield {"project": PROJECT, "term": term, "block": start // BLOCK}


def _groups(now: int) -> Iterator[dict[str, object]]:
    for index in range(SERVICES * 50):
        yield {
            "id": f"group-{index:05}",
            "project": PROJECT,
            "route": "root",
            "labels": json.dumps({"service": f"service-{index % SERVICES}"}),
            "episode": 1,
            "due_at": now + HOUR if index % 20 == 0 else None,
            "created_at": now - SPREAD + index,
        }


def _members(count: int, now: int) -> Iterator[dict[str, object]]:
    for number in range(1, count + 1):
        held = number % HELD_ONE_IN == 0
        yield {
            "group_id": f"group-{number % (SERVICES * 50):05}",
            "incident": number,
            "joined_at": _at(number, count, now),
            "told_state": None if held else ("open" if _unresolved(number, count) else "resolved"),
            "told_at": None if held else _at(number, count, now),
            "held_by": "silenced" if held else None,
        }


def _numbered(count: int) -> Iterable[int]:
    return range(DELIVERIES_ONE_IN, count + 1, DELIVERIES_ONE_IN)


def _notifications(count: int, now: int) -> Iterator[dict[str, object]]:
    for number in _numbered(count):
        told = [{"incident": {"id": _incident_id(number), "title": _title(number)}}]
        yield {
            "id": f"01980000-0000-7000-8000-{number:012x}",
            "project": PROJECT,
            "group_id": f"group-{number % (SERVICES * 50):05}",
            "reason": "opened",
            "at": _at(number, count, now),
            "message": json.dumps({"told": told, "more": 0, "note": None}),
        }


def _deliveries(count: int, now: int, targets: list[int]) -> Iterator[dict[str, object]]:
    for index, number in enumerate(_numbered(count)):
        at, rare = _at(number, count, now), index % 9_973 == 0
        dead = index % DEAD_ONE_IN == 0
        yield {
            "id": f"01990000-0000-7000-8000-{number:012x}",
            "project": PROJECT,
            "notification": f"01980000-0000-7000-8000-{number:012x}",
            "target": targets[rare],
            "channel": "rare" if rare else "sink",
            "thread": f"thread-{index}",
            "reason": "opened",
            "state": "dead" if dead else ("superseded" if index % 7 == 0 else "delivered"),
            "created_at": at,
            "due_at": at,
            "expires_at": at + DAY,
            "finished_at": at + 50 + index * 37 % 4_000,
            "outcome": "permanent" if dead else "delivered",
        }


def _runs(count: int, now: int) -> Iterator[dict[str, object]]:
    dice = random.Random(5)
    for number in range(1, count + 1):
        at = _at(number, count, now)
        failed, rare = number % FAILED_ONE_IN == 0, number % 49_999 == 0
        unfinished = number > count - 200
        state = "retrying" if unfinished else ("failed" if failed else "completed")
        yield {
            "project": PROJECT,
            "id": f"019a0000-0000-7000-8000-{number:012x}",
            "task": "billing.rare" if rare else f"billing.task_{dice.randrange(TASKS)}",
            "service": "billing",
            "environment": "production",
            "state": state,
            "rank": 100 + number % 3,
            "attempt": 1 + number % 3 // 2,
            "max_attempts": 3,
            "created_at": at,
            "started_at": at + 5,
            "finished_at": None if unfinished else at + 1_000,
            "duration_ms": None if unfinished else round(dice.lognormvariate(4.5, 0.9), 3),
            "letter": "waiting" if state == "failed" and number % 400 == 0 else None,
        }
