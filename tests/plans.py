"""Query plans of the engines, to find the tables that a query would read whole with a million rows."""

from __future__ import annotations

import re
from collections.abc import Coroutine, Sequence
from typing import Any

import sqlalchemy as sa

from notifier.store.database import Tx
from notifier.store.schema import metadata

Statements = Sequence[tuple[str, Any]]


async def statements_of(
    query: Coroutine[Any, Any, object], *, kinds: tuple[str, ...] = ("SELECT",)
) -> Statements:
    """The statements of these kinds that a query runs, with their parameters."""
    run: list[tuple[str, Any]] = []

    def note(_: object, __: object, statement: str, parameters: object, *___: object) -> None:
        if statement.startswith(kinds):
            run.append((statement, parameters))

    sa.event.listen(sa.Engine, "before_cursor_execute", note)
    try:
        await query
    finally:
        sa.event.remove(sa.Engine, "before_cursor_execute", note)
    return run


def read_whole(tx: Tx, statements: Statements) -> set[str]:
    """The tables that these statements scan completely."""
    if tx.dialect == "sqlite":
        prefix, scan = "EXPLAIN QUERY PLAN", r"^SCAN (\w+)"
    else:
        # The tables are nearly empty: otherwise a full scan would be the cheapest plan.
        tx.run(sa.text("SET LOCAL enable_seqscan = off"))
        # An index scan without a condition reads the whole index.
        prefix, scan = "EXPLAIN", r"(?:Seq Scan|Index(?: Only)? Scan using \w+) on (\w+).*$(?!\n *Index Cond)"
    plans = [
        "\n".join(str(row[-1]) for row in tx.conn.exec_driver_sql(f"{prefix} {text}", values))
        for text, values in statements
    ]
    found = (name for plan in plans for name in re.findall(scan, plan, re.MULTILINE))
    return set(found) & set(metadata.tables)
