"""Execution on the sqlite3 connection, since SQLAlchemy's layers cost five times as much as SQLite itself.

Transactions and error types remain SQLAlchemy's.
"""

from __future__ import annotations

import sqlite3
from collections import namedtuple
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import sqlalchemy as sa


class DriverResult:
    """The remaining rows of a statement. A row is a tuple with named values."""

    __slots__ = ("_cursor",)

    def __init__(self, cursor: sqlite3.Cursor) -> None:
        self._cursor = cursor

    @property
    def rowcount(self) -> int:
        """The number of rows written."""
        return self._cursor.rowcount

    def tuples(self) -> list[tuple[Any, ...]]:
        """The rows as plain tuples."""
        return self._cursor.fetchall()

    def all(self) -> list[Any]:
        rows = self._cursor.fetchall()
        return list(map(self._row()._make, rows)) if rows else []

    def __iter__(self) -> Iterator[Any]:
        return iter(self.all())

    def first(self) -> Any:
        """The first row, or None. Discards the others."""
        row = self._cursor.fetchone()
        named = None if row is None else self._row()._make(row)
        self._cursor.close()
        return named

    def one_or_none(self) -> Any:
        rows = self.all()
        if len(rows) > 1:
            raise sa.exc.MultipleResultsFound
        return rows[0] if rows else None

    def one(self) -> Any:
        row = self.one_or_none()
        if row is None:
            raise sa.exc.NoResultFound
        return row

    def scalar(self) -> Any:
        """The first value of the first row, or None."""
        row = self._cursor.fetchone()
        self._cursor.close()
        return None if row is None else row[0]

    def scalar_one(self) -> Any:
        return self.one()[0]

    def scalars(self) -> DriverScalars:
        return DriverScalars([row[0] for row in self._cursor.fetchall()])

    def _row(self) -> Any:
        return _row_of(tuple([column[0] for column in self._cursor.description]))


class DriverScalars:
    """The first value of each row."""

    __slots__ = ("_values",)

    def __init__(self, values: list[Any]) -> None:
        self._values = values

    def __iter__(self) -> Iterator[Any]:
        return iter(self._values)

    def all(self) -> list[Any]:
        return self._values

    def first(self) -> Any:
        return self._values[0] if self._values else None


@lru_cache(maxsize=1_024)
def _row_of(names: tuple[str, ...]) -> Any:
    return namedtuple("_row_of", [name.rpartition(".")[2] for name in names], rename=True)  # noqa: PYI024 - names are data


def run(connection: sqlite3.Connection, text: str, values: tuple[object, ...]) -> DriverResult:
    """Execute one statement. Raises `sa.exc.DBAPIError` as SQLAlchemy does."""
    try:
        return DriverResult(connection.execute(text, values))
    except sqlite3.Error as error:
        raise sa.exc.DBAPIError.instance(text, None, error, sqlite3.Error, hide_parameters=True) from error
