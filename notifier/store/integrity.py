"""Integrity checks of a database: its pages, its references, and its accounting."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import sqlalchemy as sa

from notifier.domain.errors import StoreError
from notifier.store import ledger
from notifier.store.database import Tx
from notifier.store.ledger import BooksCheck
from notifier.store.schema import (
    attempts,
    deliveries,
    events,
    groups,
    incidents,
    members,
    metadata,
    notifications,
    targets,
)

_PROBLEMS_AT_MOST = 100

_REFERENCES: Sequence[tuple[sa.Column[Any], sa.Column[Any]]] = (
    (members.c.group_id, groups.c.id),
    (members.c.incident, incidents.c.number),
    (events.c.incident, incidents.c.number),
    (deliveries.c.notification, notifications.c.id),
    (deliveries.c.target, targets.c.id),
    (attempts.c.delivery, deliveries.c.id),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Flaw:
    """A fault of a table, or for orphans of a column.

    For `pages`, `detail` is SQLite's message. For `orphans`, `count` rows refer to rows that do not exist.
    """

    kind: Literal["pages", "orphans"]
    where: str
    count: int = 0
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DatabaseCheck:
    """The flaws found, and the check of the accounting."""

    flaws: tuple[Flaw, ...]
    books: BooksCheck

    @property
    def sound(self) -> bool:
        return not self.flaws and self.books.sound


def check(tx: Tx) -> DatabaseCheck:
    """Check everything. Takes as long as reading the whole database. Raises `StoreError` if a table is missing."""
    lost = missing_tables(tx)
    if lost:
        raise StoreError(missing_sentence(lost))
    return DatabaseCheck(flaws=(*_pages(tx), *_orphans(tx)), books=ledger.check(tx))


def missing_tables(tx: Tx) -> tuple[str, ...]:
    """The names of missing tables, for example after an incomplete restore."""
    query = (
        "SELECT name FROM sqlite_master WHERE type = 'table'"
        if tx.dialect == "sqlite"
        else "SELECT tablename FROM pg_catalog.pg_tables WHERE schemaname = ANY(current_schemas(false))"
    )
    return tuple(sorted(metadata.tables.keys() - set(tx.run(sa.text(query)).scalars())))


def missing_sentence(names: Sequence[str]) -> str:
    """The sentence about missing tables."""
    return f"the database has no table {', '.join(names)}: restore a backup"


def _pages(tx: Tx) -> Sequence[Flaw]:
    if tx.dialect != "sqlite":
        return ()
    said = tx.run(sa.text(f"PRAGMA integrity_check({_PROBLEMS_AT_MOST})")).scalars()
    return [Flaw(kind="pages", where="", detail=str(line)) for line in said if line != "ok"]


def _orphans(tx: Tx) -> Sequence[Flaw]:
    found = []
    for column, referred in _REFERENCES:
        absent = ~sa.exists().where(referred == column)
        count = tx.run(
            sa.select(sa.func.count()).select_from(column.table).where(column.is_not(None), absent)
        ).scalar()
        if count:
            found.append(Flaw(kind="orphans", where=f"{column.table.name}.{column.name}", count=count))
    return found
