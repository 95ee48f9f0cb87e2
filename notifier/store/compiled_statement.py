"""A compiled statement and the binding of its parameters, `BoundRows` among them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Final, Protocol

from notifier.store.json_rows import BoundRows

VARIABLES_AT_MOST: Final = 4_096
"""Rows with more values than this go to SQLite as JSON: a statement's memory grows with its variables."""

# What `rows_from_json` makes for SQLite.
_CELL: Final = re.compile(r"json_extract\((\w+)_e\.value, '\$\[(\d+)\]'\)")
_UNFOLDED: Final = re.compile(r"json_each\(\?\) AS (\w+)_e\)")

Bound = tuple[str, tuple[object, ...]]
"""The text to run, and the values of its places."""


class Statement(Protocol):
    """A statement that binds its parameters."""

    def bound(self, parameters: Mapping[str, object]) -> Bound: ...


class CompiledStatement:
    """The text of a statement, and the names of its parameters in the order of their places; `fixed` have values."""

    def __init__(self, text: str, names: Sequence[str], fixed: Mapping[str, object]) -> None:
        self._text = text
        self._names = names
        self._fixed = fixed

    def bound(self, parameters: Mapping[str, object]) -> Bound:
        """BoundRows are bound as JSON."""
        fixed = self._fixed
        values = [parameters[name] if name in parameters else fixed[name] for name in self._names]
        return self._text, tuple([value.text if isinstance(value, BoundRows) else value for value in values])


def sqlite_statement(text: str, names: Sequence[str], fixed: Mapping[str, object]) -> Statement:
    """The statement as it is fast on SQLite.

    Fixed values stand in the text: SQLite prepares a statement anew for each execution where a bound value is compared
    with the condition of a partial index.
    """
    pieces = text.split("?")
    assert len(pieces) == len(names) + 1
    written = pieces[0]
    left: list[str] = []
    for name, piece in zip(names, pieces[1:], strict=True):
        if name in fixed:
            written += _literal(fixed[name]) + piece
        else:
            left.append(name)
            written += "?" + piece
    if _UNFOLDED.search(written) is None:
        return CompiledStatement(written, left, {})
    return UnfoldingStatement(written, left)


class UnfoldingStatement:
    """A statement of SQLite some of whose parameters are rows.

    Few rows are bound value by value, `FROM (VALUES (?, ?), ...)`, which costs half of what reading them out of JSON
    does. So that few texts are prepared, and kept, there are always as many places as a power of two; a LIMIT cuts off
    those that have no row.
    """

    def __init__(self, text: str, names: Sequence[str]) -> None:
        self._text = text
        self._names = names
        self._tables = _tables(text)
        self._with_values = cache(self._make_with_values)
        self._with_one = self._make_with_values((1,) * len(self._tables))

    def bound(self, parameters: Mapping[str, object]) -> Bound:
        """BoundRows are bound value by value, or as JSON where there are many."""
        values: list[object] = []
        for name in self._names:
            value = parameters[name]
            if isinstance(value, BoundRows):
                if len(value.rows) != 1:
                    return self._bound_many(parameters)
                values += value.rows[0]
                values.append(1)
            else:
                values.append(value)
        return self._with_one, tuple(values)

    def _bound_many(self, parameters: Mapping[str, object]) -> Bound:
        places = {name: _places(parameters[name]) for name in self._tables}
        if any(places[name] * width > VARIABLES_AT_MOST for name, width in self._tables.items()):
            return CompiledStatement(self._text, self._names, {}).bound(parameters)
        values: list[object] = []
        for name in self._names:
            value = parameters[name]
            if isinstance(value, BoundRows):
                for row in value.rows:
                    values += row
                values += [None] * ((places[name] - len(value.rows)) * self._tables[name])
                values.append(len(value.rows))
            else:
                values.append(value)
        return self._with_values(tuple(places.values())), tuple(values)

    def _make_with_values(self, places: tuple[int, ...]) -> str:
        """The text with so many places for each parameter that is `BoundRows`."""
        rows = {
            name: "VALUES " + ", ".join([f"({', '.join('?' * width)})"] * count)
            for (name, width), count in zip(self._tables.items(), places, strict=True)
        }
        text = _CELL.sub(lambda cell: f"{cell[1]}_e.column{int(cell[2]) + 1}", self._text)
        return _UNFOLDED.sub(lambda table: f"({rows[table[1]]}) AS {table[1]}_e LIMIT ?)", text)


def _literal(value: object) -> str:
    """A fixed value as SQLite reads it."""
    if value is None:
        return "NULL"
    if isinstance(value, int):
        return str(int(value))
    assert isinstance(value, str)
    return "'" + value.replace("'", "''") + "'"


def _places(rows: object) -> int:
    """The places for rows: a power of two."""
    assert isinstance(rows, BoundRows)
    return 1 << max(0, len(rows.rows) - 1).bit_length()


def _tables(text: str) -> dict[str, int]:
    """The parameters that are unfolded into rows, each with its number of columns."""
    widths = dict.fromkeys(_UNFOLDED.findall(text), 0)
    for name, index in _CELL.findall(text):
        widths[name] = max(widths[name], int(index) + 1)
    return widths
