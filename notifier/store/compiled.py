"""Execution of statements that are compiled once per engine, since compiling costs more than executing.

A statement is a function that takes the dialect and returns a SQLAlchemy statement with named parameters.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from itertools import starmap
from typing import Any, Protocol, TypeVar

import sqlalchemy as sa
from msgspec import Struct
from sqlalchemy.dialects import postgresql, sqlite

from notifier.store import driver
from notifier.store.compiled_statement import CompiledStatement, Statement, sqlite_statement
from notifier.store.database import Dialect, Tx
from notifier.store.driver import DriverResult
from notifier.store.json_rows import encode_rows, rows_from_json

Build = Callable[[Dialect], sa.ClauseElement]


def execute(tx: Tx, build: Build, parameters: Mapping[str, object]) -> QueryResult:
    """Execute a statement. Values are those of the driver (text, numbers, None) or `BoundRows`."""
    text, values = _compiled(build, tx.dialect).bound(parameters)
    if tx.driver is not None:
        return driver.run(tx.driver, text, values)
    return tx.conn.exec_driver_sql(text, values)


class QueryResult(Protocol):
    """The part of SQLAlchemy's result that the store uses; rows have named values."""

    @property
    def rowcount(self) -> int: ...
    def __iter__(self) -> Iterator[Any]: ...
    def all(self) -> Sequence[Any]: ...
    def first(self) -> Any: ...
    def one(self) -> Any: ...
    def one_or_none(self) -> Any: ...
    def scalar(self) -> Any: ...
    def scalar_one(self) -> Any: ...
    def scalars(self) -> Any: ...


class Row(Struct, frozen=True):
    """A row of a query. Its fields have the names and the order of the columns."""


R = TypeVar("R", bound=Row)


class Query(Protocol[R]):
    """A statement that returns typed rows when called with its parameters."""

    def __call__(self, tx: Tx, **parameters: object) -> list[R]: ...


def reads(row: type[R]) -> Callable[[Build], Query[R]]:
    """Decorate a statement whose columns match the fields of `row` (see `columns_of`), which makes it a `Query`."""

    def decorate(build: Build) -> Query[R]:
        def query(tx: Tx, **parameters: object) -> list[R]:
            result = execute(tx, build, parameters)
            return list(starmap(row, result.tuples() if isinstance(result, DriverResult) else result))

        query.__doc__ = build.__doc__
        return query

    return decorate


def columns_of(row: type[Row], *tables: sa.Table) -> tuple[sa.Column[Any], ...]:
    """The columns with the names of the fields of `row`, each from the first table that has it."""
    return tuple(next(table.c[name] for table in tables if name in table.c) for name in row.__struct_fields__)


def upsert(dialect: Dialect, table: sa.Table) -> sqlite.Insert:
    """An INSERT that can take `on_conflict_*`, which both engines spell alike."""
    return sqlite.insert(table) if dialect == "sqlite" else postgresql.insert(table)  # type: ignore[return-value]


def each(tx: Tx, build: Build, rows: Iterable[Sequence[object]], **fixed: object) -> None:
    """Execute a statement over `rows`, or defer it to the end of an enclosing `batching` block.

    Deferred statements are executed in the order in which each was first used.
    """
    if tx.deferred is None:
        _run(tx, build, list(rows), fixed)
    else:
        tx.deferred.setdefault((build, tuple(fixed.items())), []).extend(rows)


@contextmanager
def batching(tx: Tx) -> Iterator[None]:
    """Defer the writes of `each` within the block, so that rows of the same statement are written together.

    Code within the block must not read deferred rows without calling `write_deferred` first.
    """
    tx.deferred = {}
    yield
    write_deferred(tx)
    tx.deferred = None


def write_deferred(tx: Tx) -> None:
    """Execute the statements deferred so far."""
    while tx.deferred:
        deferred, tx.deferred = tx.deferred, {}
        for (build, fixed), rows in deferred.items():
            _run(tx, build, rows, dict(fixed))


def _run(tx: Tx, build: Build, rows: Sequence[Sequence[object]], fixed: Mapping[str, object]) -> None:
    if rows:
        execute(tx, build, {"rows": encode_rows(rows), **fixed})


def insert(tx: Tx, table: sa.Table, rows: Sequence[Mapping[str, object]]) -> None:
    """Insert rows that all have the same columns."""
    names = tuple(rows[0])
    each(tx, _inserting(table, names), ([row[name] for name in names] for row in rows))


def update(tx: Tx, table: sa.Table, key: Mapping[str, object], values: Mapping[str, object]) -> int:
    """Set `values` where every column of `key` has its value. Returns the number of rows updated."""
    parameters = {f"key_{name}": value for name, value in key.items()}
    parameters |= {f"new_{name}": value for name, value in values.items()}
    return execute(tx, _updating(table, tuple(key), tuple(values)), parameters).rowcount


@cache
def _inserting(table: sa.Table, names: tuple[str, ...]) -> Build:
    def build(dialect: Dialect) -> sa.ClauseElement:
        rows = rows_from_json(dialect, "rows", [(name, table.c[name].type) for name in names])
        return sa.insert(table).from_select(list(names), sa.select(*rows.c), include_defaults=False)

    return build


@cache
def _updating(table: sa.Table, key: tuple[str, ...], names: tuple[str, ...]) -> Build:
    def build(_dialect: Dialect) -> sa.ClauseElement:
        found = [table.c[name] == sa.bindparam(f"key_{name}", type_=table.c[name].type) for name in key]
        values = {name: sa.bindparam(f"new_{name}", type_=table.c[name].type) for name in names}
        return sa.update(table).where(*found).values(**values)

    return build


@cache
def _compiled(build: Build, dialect: Dialect) -> Statement:
    engine: Any = sqlite.dialect() if dialect == "sqlite" else postgresql.asyncpg.dialect()  # type: ignore[no-untyped-call]
    compiled: Any = build(dialect).compile(dialect=engine, compile_kwargs={"render_postcompile": True})
    required = {name for bind, name in compiled.bind_names.items() if bind.required}
    fixed = {name: value for name, value in compiled.params.items() if name not in required}
    names = tuple(compiled.positiontup or ())
    make = sqlite_statement if dialect == "sqlite" else CompiledStatement
    return make(str(compiled), names, fixed)
