"""Compiled statements and the binding of their parameters, including `BoundRows`."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Final, Protocol

from notifier.store.json_rows import BoundRows

VARIABLES_AT_MOST: Final = 4_096
"""Rows with more values than this are passed to SQLite as JSON, since a statement's memory grows with its
variables."""

# The text that `rows_from_json` generates for SQLite.
_CELL: Final = re.compile(r"json_extract\((\w+)_e\.value, '\$\[(\d+)\]'\)")
_UNFOLDED: Final = re.compile(r"json_each\(\?\) AS (\w+)_e\)")

Bound = tuple[str, tuple[object, ...]]
"""The SQL text, and the values of its placeholders."""


class Statement(Protocol):
    """A statement that can bind parameters."""

    def bound(self, parameters: Mapping[str, object]) -> Bound: ...


class CompiledStatement:
    """The text of a statement and the names of its parameters in order; `fixed` ones already have values."""

    def __init__(self, text: str, names: Sequence[str], fixed: Mapping[str, object]) -> None:
        self._text = text
        self._names = names
        self._fixed = fixed

    def bound(self, parameters: Mapping[str, object]) -> Bound:
        """Bind the parameters, `BoundRows` as JSON."""
        fixed = self._fixed
        values = [parameters[name] if name in parameters else fixed[name] for name in self._names]
        return self._text, tuple([value.text if isinstance(value, BoundRows) else value for value in values])


def sqlite_statement(text: str, names: Sequence[str], fixed: Mapping[str, object]) -> Statement:
    """The statement in a form that SQLite executes fast.

    Fixed values are written into the text, since SQLite prepares a statement again for each execution if a bound
    value is compared with the condition of a partial index.
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
    """A SQLite statement with rows among its parameters.

    Few rows are bound value by value, `FROM (VALUES (?, ?), ...)`, at half the cost of reading them from JSON. The
    number of places is rounded up to a power of two, so that few texts are prepared and cached; a LIMIT drops the
    unused places.
    """

    def __init__(self, text: str, names: Sequence[str]) -> None:
        self._text = text
        self._names = names
        self._tables = _tables(text)
        self._with_values = cache(self._make_with_values)
        self._with_one = self._make_with_values((1,) * len(self._tables))

    def bound(self, parameters: Mapping[str, object]) -> Bound:
        """Bind the parameters, `BoundRows` value by value, or as JSON if there are many."""
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
        """The text with the given number of places for each parameter that is `BoundRows`."""
        rows = {
            name: "VALUES " + ", ".join([f"({', '.join('?' * width)})"] * count)
            for (name, width), count in zip(self._tables.items(), places, strict=True)
        }
        text = _CELL.sub(lambda cell: f"{cell[1]}_e.column{int(cell[2]) + 1}", self._text)
        return _UNFOLDED.sub(lambda table: f"({rows[table[1]]}) AS {table[1]}_e LIMIT ?)", text)


def _literal(value: object) -> str:
    """A fixed value as a SQLite literal."""
    if value is None:
        return "NULL"
    if isinstance(value, int):
        return str(int(value))
    assert isinstance(value, str)
    return "'" + value.replace("'", "''") + "'"


def _places(rows: object) -> int:
    """The number of places for rows: the next power of two."""
    assert isinstance(rows, BoundRows)
    return 1 << max(0, len(rows.rows) - 1).bit_length()


def _tables(text: str) -> dict[str, int]:
    """The parameters that are expanded into rows, each with its number of columns."""
    widths = dict.fromkeys(_UNFOLDED.findall(text), 0)
    for name, index in _CELL.findall(text):
        widths[name] = max(widths[name], int(index) + 1)
    return widths
