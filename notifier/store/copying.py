"""Copying of all rows from one database to another, of either engine, with checksums for comparison."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

import sqlalchemy as sa

from notifier.store import schema
from notifier.store.database import Tx

ROWS_AT_ONCE = 2_000
_PARAMETERS_AT_ONCE = 20_000

_WRITTEN_BY_TRIGGERS = (
    schema.run_figures,
    schema.run_durations,
    schema.delivery_figures,
    schema.event_figures,
    schema.ledger,
)
_NUMBERED = (schema.incidents.c.number, schema.targets.c.id)
_SUM = 1 << 64

Row = Sequence[Any]
PullRows = Callable[[sa.Table, Row | None], Sequence[Row]]
"""Reads the next rows of a table after a key, None for the first rows."""


@dataclass(frozen=True, slots=True)
class TableSum:
    """The number of a table's rows, and a checksum that does not depend on their order."""

    rows: int = 0
    digest: int = 0

    def plus(self, rows: Iterable[Row]) -> TableSum:
        """The sum including these rows."""
        count, digest = self.rows, self.digest
        for row in rows:
            count += 1
            digest += int.from_bytes(blake2b(repr(tuple(row)).encode(), digest_size=8).digest(), "big")
        return TableSum(count, digest % _SUM)


def tables() -> Sequence[sa.Table]:
    """All tables, in an order in which referenced rows come first and tables written by triggers come last."""
    first = [table for table in schema.metadata.sorted_tables if table not in _WRITTEN_BY_TRIGGERS]
    return (*first, *_WRITTEN_BY_TRIGGERS)


def is_empty(tx: Tx) -> bool:
    """Whether no table has rows, except for those that every new database has."""
    counted = {schema.instance.name, schema.ledger.name}
    return not any(
        tx.run(sa.select(sa.literal(1)).select_from(table).limit(1)).scalar()
        for table in tables()
        if table.name not in counted
    )


def page(tx: Tx, table: sa.Table, after: Row | None) -> Sequence[Row]:
    """Up to `ROWS_AT_ONCE` rows in key order."""
    key = list(table.primary_key)
    query = sa.select(table).order_by(*key).limit(ROWS_AT_ONCE)
    if after is not None:
        values = [sa.literal(value, column.type) for column, value in zip(key, after, strict=True)]
        query = query.where(sa.tuple_(*key) > sa.tuple_(*values))
    return [tuple(row) for row in tx.run(query)]


def key_of(table: sa.Table, row: Row) -> Row:
    """The values of the primary key in a row."""
    places = {column.name: place for place, column in enumerate(table.c)}
    return [row[places[column.name]] for column in table.primary_key]


def summed(pull: PullRows, table: sa.Table) -> TableSum:
    """The sum of a table."""
    total, after = TableSum(), None
    while rows := pull(table, after):
        total, after = total.plus(rows), key_of(table, rows[-1])
    return total


def fill(tx: Tx, pull: PullRows) -> Mapping[str, TableSum]:
    """Write all rows from `pull` into this empty database. Returns the sum of each table.

    Figures that triggers computed during the copy are replaced by the copied ones.
    """
    given: dict[str, TableSum] = {}
    for table in tables():
        tx.run(sa.delete(table))
        total, after = TableSum(), None
        while rows := pull(table, after):
            _insert(tx, table, rows)
            total, after = total.plus(rows), key_of(table, rows[-1])
        given[table.name] = total
    return given


def _insert(tx: Tx, table: sa.Table, rows: Sequence[Row]) -> None:
    names = [column.name for column in table.c]
    at_once = max(1, _PARAMETERS_AT_ONCE // len(names))
    for start in range(0, len(rows), at_once):
        values = [dict(zip(names, row, strict=True)) for row in rows[start : start + at_once]]
        tx.run(sa.insert(table).values(values))


def last_numbers(tx: Tx) -> Mapping[str, int]:
    """The last number used in each table with a sequence, including numbers of deleted rows."""
    return {column.table.name: _last_number(tx, column) for column in _NUMBERED}


def _last_number(tx: Tx, column: sa.Column[Any]) -> int:
    if tx.dialect == "sqlite":
        row = sa.text("SELECT seq FROM sqlite_sequence WHERE name = :name")
        given = tx.run(row, {"name": column.table.name}).scalar()
    else:
        sequence = tx.run(_SEQUENCE, {"table": column.table.name, "column": column.name}).scalar()
        # The server's name of the sequence.
        called = f"SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM {sequence}"  # noqa: S608
        given = tx.run(sa.text(called)).scalar()
    return max(given or 0, tx.run(sa.select(sa.func.max(column))).scalar() or 0)


_SEQUENCE = sa.text("SELECT pg_get_serial_sequence(:table, :column)")


def restart_sequences(tx: Tx, numbers: Mapping[str, int]) -> None:
    """Continue the sequences after these numbers."""
    for column in _NUMBERED:
        name, last = column.table.name, numbers[column.table.name]
        if tx.dialect == "sqlite":
            tx.run(sa.text("DELETE FROM sqlite_sequence WHERE name = :name"), {"name": name})
            tx.run(
                sa.text("INSERT INTO sqlite_sequence (name, seq) VALUES (:name, :last)"),
                {"name": name, "last": last},
            )
        elif last:
            sequence = tx.run(_SEQUENCE, {"table": name, "column": column.name}).scalar()
            tx.run(
                sa.text("SELECT setval(CAST(:sequence AS regclass), :last)"),
                {"sequence": sequence, "last": last},
            )
