"""A copy of a database as `notifier backup` and `notifier restore` mark it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing

import pytest

from notifier.store import restored


@pytest.fixture
def copy() -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.execute("CREATE TABLE incidents (number INTEGER PRIMARY KEY AUTOINCREMENT)")
        connection.executemany("INSERT INTO incidents (number) VALUES (?)", [(1,), (7,)])
        connection.commit()
        yield connection


@pytest.mark.parametrize(("beyond", "last"), [(0, 7), (5, 7), (100_003, 100_003)])
def test_a_copy_goes_on_beyond_what_it_replaces(copy: sqlite3.Connection, beyond: int, last: int) -> None:
    """Restored a second time, it gives no number that was given after the first."""
    restored.mark(copy, beyond=beyond)
    assert restored.last_number(copy) == last
    assert copy.execute("PRAGMA user_version").fetchone() == (1,)
    assert not copy.in_transaction


def test_a_copy_without_an_incident_goes_on_as_well(copy: sqlite3.Connection) -> None:
    copy.execute("DELETE FROM sqlite_sequence")
    restored.mark(copy, beyond=100_003)
    assert restored.last_number(copy) == 100_003
