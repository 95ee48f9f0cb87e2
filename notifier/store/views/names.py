"""Lookup of ids by numbers, or by the endings that people type."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Literal

import sqlalchemy as sa

from notifier.store.database import Tx
from notifier.store.schema import api_keys, deliveries, incidents, silences, task_runs
from notifier.store.task_run_rows import of_project

NamedKind = Literal["incident", "delivery", "silence", "task run", "key"]

ENDING_AT_MOST = 1_000
"""How many ids are found for each ending."""

_TABLES: Mapping[NamedKind, sa.Table] = {
    "incident": incidents,
    "delivery": deliveries,
    "silence": silences,
    "task run": task_runs,
    "key": api_keys,
}


def existing_ids(tx: Tx, kind: NamedKind, ids: Collection[str], *, project: str | None) -> set[str]:
    """The existing ones of these ids, in this project or in any if that is None."""
    table = _TABLES[kind]
    if not ids:  # An empty IN would not use an index.
        return set()
    return set(tx.run(sa.select(table.c.id).where(table.c.id.in_(ids), _of(table, project))).scalars())


def ids_of_numbers(tx: Tx, numbers: Collection[int], *, project: str | None) -> dict[int, str]:
    """The ids of the incidents with these numbers."""
    if not numbers:
        return {}
    query = sa.select(incidents.c.number, incidents.c.id)
    rows = tx.run(query.where(incidents.c.number.in_(numbers), _of(incidents, project)))
    return {row.number: row.id for row in rows}


def ids_ending(
    tx: Tx, kind: NamedKind, ends: Collection[str], *, project: str | None
) -> dict[str, tuple[str, ...]]:
    """The ids with each of these endings; endings without any are left out."""
    table = _TABLES[kind]
    by_end: dict[str, set[str]] = {}
    for length in {len(end) for end in ends}:
        same = [end for end in ends if len(end) == length]
        last = (
            sa.func.substr(table.c.id, -length)
            if tx.dialect == "sqlite"
            else sa.func.right(table.c.id, length)
        )
        # In two steps: an engine reads ids alone from an index, but with a second column it reads whole rows.
        ids = tx.run(sa.select(table.c.id).where(last.in_(same)).limit(ENDING_AT_MOST * len(same)))
        for id_ in existing_ids(tx, kind, ids.scalars().all(), project=project):
            by_end.setdefault(id_[-length:], set()).add(id_)
    return {end: tuple(sorted(ids)) for end, ids in by_end.items()}


def _of(table: sa.Table, project: str | None) -> sa.ColumnElement[bool]:
    if table is task_runs:
        return of_project(project)
    return sa.true() if project is None else table.c.project == project
