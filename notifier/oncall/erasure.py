"""Export and removal of the data about a label's value or a person."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

import sqlalchemy as sa

from notifier.domain.data_subject import DataSubject
from notifier.domain.time import MINUTE, Duration
from notifier.oncall.actor import Actor
from notifier.oncall.errors import Refused
from notifier.store import erasure, silences
from notifier.store.database import HOUSEKEEPING, Database, Tx
from notifier.store.erasure import Row
from notifier.store.json_rows import json_value

SUBJECT = "data"
SEARCH_TIMEOUT: Duration = 10 * MINUTE
"""The time limit of one search through a table."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Erasure:
    """The number of removed rows by table, and of further rows whose text is redacted."""

    removed: Mapping[str, int]
    redacted: Mapping[str, int]


async def rows(
    database: Database, subject: DataSubject, project: str | None
) -> AsyncIterator[tuple[str, Row]]:
    """The rows about the subject, table by table. For a label, including everything of its incidents."""
    for table in erasure.tables():
        after: Sequence[Any] | None = None
        while batch := await _page(database, table, subject, project, after):
            after = erasure.key_of(table, batch[-1])
            for row in batch:
                if subject.label is not None or erasure.holds(table, row, subject):
                    yield str(table.name), without_secrets(row)


def without_secrets(row: Row) -> Row:
    """A row without secrets, with its JSON decoded."""
    return {
        str(name): json_value(value) if isinstance(value, str) and value[:1] in {"{", "["} else value
        for name, value in row.items()
        if name != "hash"
    }


async def preview(database: Database, subject: DataSubject) -> Erasure:
    """The numbers of rows that a removal would change."""
    counts: dict[str, int] = {}
    async for name, _ in rows(database, subject, None):
        counts[name] = counts.get(name, 0) + 1
    removed = {name: counts.pop(name) for name in _removed_with(subject) if name in counts}
    return Erasure(removed=removed, redacted=counts)


async def remove(database: Database, subject: DataSubject, actor: Actor) -> Erasure:
    """Removes the data, one batch per transaction. Raises `Refused` while its incidents are open or messages wait."""
    open_, waiting = await database.read(partial(erasure.unfinished, subject=subject), limit=SEARCH_TIMEOUT)
    if open_ or waiting:
        raise Refused(
            f"incidents of it that are not over: {open_}, messages about it that are not out yet: {waiting}; resolve "
            "them, let them be told or discard them, and then remove it",
            state="unfinished",
        )
    # The audit entry must not contain what is removed.
    kind = "a person" if subject.label is None else f"the label {subject.label}"
    await database.write(lambda tx: actor.record(tx, "delete_data", SUBJECT, f"about {kind}"))
    removed: dict[str, int] = {}
    if subject.label is not None:
        removed = {
            "incidents": await _remove_all(database, subject, erasure.incidents_of, erasure.remove_incidents),
            "deliveries": await _remove_all(
                database, subject, erasure.deliveries_of, erasure.remove_deliveries
            ),
            "notifications": await _remove_all(
                database, subject, erasure.notifications_of, erasure.remove_notifications
            ),
            "silences": await _remove_all(database, subject, erasure.silences_of, silences.remove),
        }
    redacted = {table.name: await _redact(database, table, subject) for table in erasure.tables()}
    await _remove_all(database, subject, erasure.terms_of, erasure.remove_terms)
    return Erasure(removed=_nonzero(removed), redacted=_nonzero(redacted))


async def _remove_all(
    database: Database,
    subject: DataSubject,
    find: Callable[[Tx, DataSubject], Sequence[T]],
    remove_them: Callable[[Tx, Sequence[T]], None],
) -> int:
    """Finds and removes batches until there are none. Searching outside of the write lets commits through."""
    total = 0
    while batch := await database.read(lambda tx: find(tx, subject), limit=SEARCH_TIMEOUT):
        await database.write(
            partial(_remove_batch, remove_them, batch), housekeeping=True, limit=HOUSEKEEPING
        )
        total += len(batch)
    return total


def _remove_batch(remove_them: Callable[[Tx, Sequence[T]], None], batch: Sequence[T], tx: Tx) -> None:
    remove_them(tx, batch)


async def _redact(database: Database, table: sa.Table, subject: DataSubject) -> int:
    count, after = 0, None
    while batch := await _page(database, table, subject, None, after):
        after = erasure.key_of(table, batch[-1])
        holding = [row for row in batch if erasure.holds(table, row, subject)]
        if holding:
            count += await database.write(
                partial(_redact_rows, table=table, rows=holding, subject=subject),
                housekeeping=True,
                limit=HOUSEKEEPING,
            )
    return count


def _redact_rows(tx: Tx, *, table: sa.Table, rows: Sequence[Row], subject: DataSubject) -> int:
    present = [now for row in rows if (now := erasure.again(tx, table, row)) is not None]
    for row in present:
        erasure.remove_from(tx, table, row, subject)
    return len(present)


async def _page(
    database: Database,
    table: sa.Table,
    subject: DataSubject,
    project: str | None,
    after: Sequence[Any] | None,
) -> list[Row]:
    return await database.read(
        partial(erasure.found, table=table, subject=subject, project=project, after=after),
        limit=SEARCH_TIMEOUT,
    )


def _removed_with(subject: DataSubject) -> frozenset[str]:
    if subject.label is None:
        return frozenset({"sessions", "action_tokens"})
    return frozenset(table.name for table in erasure.tables()) - {"groups", "task_runs", "processes"}


def _nonzero(counts: Mapping[str, int]) -> Mapping[str, int]:
    return {name: count for name, count in counts.items() if count}
