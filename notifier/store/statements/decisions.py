"""Decisions about members; consecutive equal ones share a row."""

from __future__ import annotations

import sqlalchemy as sa

from notifier.store.compiled import upsert
from notifier.store.database import Dialect
from notifier.store.json_rows import rows_from_json
from notifier.store.schema import (
    Big,
    decisions,
)

Text = sa.Text()


def _now() -> sa.BindParameter[int]:
    return sa.bindparam("now", type_=Big)


def insert_decisions(dialect: Dialect) -> sa.ClauseElement:
    names = [
        "incident", "group_id", "at", "kind", "why", "ref", "notification", "version", "last_at", "count", "events",
    ]  # fmt: skip
    rows = rows_from_json(dialect, "rows", [(name, decisions.c[name].type) for name in names])
    adding = upsert(dialect, decisions).from_select(names, sa.select(*rows.c).where(sa.true()))
    # Two decisions within one millisecond: the later one is counted in the same row.
    later = {name: adding.excluded[name] for name in ("ref", "notification", "version", "last_at")}
    sums = {name: decisions.c[name] + adding.excluded[name] for name in ("count", "events")}
    return adding.on_conflict_do_update(
        index_elements=["incident", "group_id", "at", "why"], set_=later | sums
    )


def count_decisions(dialect: Dialect) -> sa.ClauseElement:
    names = ("incident", "group_id", "at", "why")
    rows = rows_from_json(dialect, "rows", [(name, decisions.c[name].type) for name in names])
    return (
        sa.update(decisions)
        .where(*(decisions.c[name] == rows.c[name] for name in names))
        .values(count=decisions.c.count + 1, last_at=_now())
    )
