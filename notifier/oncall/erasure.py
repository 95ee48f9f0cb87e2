"""Data about a label's value or a person: handed over, and removed."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import sqlalchemy as sa

from notifier.domain.data_subject import DataSubject
from notifier.oncall.actor import Actor
from notifier.oncall.errors import Refused
from notifier.store import erasure
from notifier.store.database import HOUSEKEEPING, Database, Tx
from notifier.store.erasure import Row
from notifier.store.json_rows import json_value

SUBJECT = "data"
SHORTEST = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Erasure:
    """How many rows of each table are removed, and from how many others the text is taken out."""

    removed: Mapping[str, int]
    redacted: Mapping[str, int]


async def rows(
    database: Database, subject: DataSubject, project: str | None
) -> AsyncIterator[tuple[str, Row]]:
    """Rows about it, table by table: those that name it, and of a label what belongs to its incidents."""
    for table in erasure.tables():
        after: Sequence[Any] | None = None
        while batch := await database.read(
            partial(erasure.found, table=table, subject=subject, project=project, after=after),
            limit=HOUSEKEEPING,
        ):
            after = erasure.key_of(table, batch[-1])
            for row in batch:
                if subject.label is not None or erasure.holds(table, row, subject):
                    yield str(table.name), shown(row)


def shown(row: Row) -> Row:
    """A row without secrets, and with documents as such."""
    return {
        str(name): json_value(value) if isinstance(value, str) and value[:1] in {"{", "["} else value
        for name, value in row.items()
        if name != "hash"
    }


async def preview(database: Database, subject: DataSubject) -> Erasure:
    """The rows that a removal would change."""
    counts: dict[str, int] = {}
    async for name, _ in rows(database, subject, None):
        counts[name] = counts.get(name, 0) + 1
    removed = {name: counts.pop(name) for name in _removed_with(subject) if name in counts}
    return Erasure(removed=removed, redacted=counts)


async def remove(database: Database, subject: DataSubject, actor: Actor) -> Erasure:
    """Remove it, a batch in a transaction. `Refused` while incidents of it are open, or messages about it wait."""
    open_, waiting = await database.read(partial(erasure.unfinished, subject=subject), limit=HOUSEKEEPING)
    if open_ or waiting:
        raise Refused(
            f"{open_} of its incidents are not over and {waiting} messages about it are not out yet: resolve them, let "
            "them be told or discard them, and then remove it",
            state="unfinished",
        )
    # Nothing of what is removed may stand in the audit.
    kind = "a person" if subject.label is None else f"the label {subject.label}"
    await database.write(lambda tx: actor.record(tx, "delete_data", SUBJECT, f"about {kind}"))
    removed: dict[str, int] = {}
    if subject.label is not None:
        for name, batch in (
            ("incidents", erasure.remove_incidents),
            ("deliveries", erasure.remove_deliveries),
            ("notifications", erasure.remove_notifications),
            ("silences", erasure.remove_silences),
        ):
            removed[name] = await _all(database, partial(batch, subject=subject))
    redacted = {table.name: await _redact(database, table, subject) for table in erasure.tables()}
    await database.write(partial(erasure.remove_terms, subject=subject), limit=HOUSEKEEPING)
    return Erasure(removed=_some(removed), redacted=_some(redacted))


async def _all(database: Database, batch: Callable[[Tx], int]) -> int:
    total = 0
    while count := await database.write(batch, housekeeping=True, limit=HOUSEKEEPING):
        total += count
    return total


async def _redact(database: Database, table: sa.Table, subject: DataSubject) -> int:
    count, after = 0, None

    def work(tx: Tx, after: Sequence[Any] | None) -> tuple[int, Sequence[Any] | None]:
        batch = erasure.found(tx, table, subject, None, after)
        holding = [row for row in batch if erasure.holds(table, row, subject)]
        for row in holding:
            erasure.remove_from(tx, table, row, subject)
        return len(holding), erasure.key_of(table, batch[-1]) if batch else None

    while True:
        done, after = await database.write(partial(work, after=after), housekeeping=True, limit=HOUSEKEEPING)
        count += done
        if after is None:
            return count


def _removed_with(subject: DataSubject) -> frozenset[str]:
    if subject.label is None:
        return frozenset({"sessions", "action_tokens"})
    return frozenset(table.name for table in erasure.tables()) - {"groups", "task_runs", "processes"}


def _some(counts: Mapping[str, int]) -> Mapping[str, int]:
    return {name: count for name, count in counts.items() if count}
