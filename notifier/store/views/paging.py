"""Pages by key, so that rows which come meanwhile shift nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import sqlalchemy as sa

T = TypeVar("T")

PageKey = tuple[int | str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Page(Generic[T]):
    """Some rows, newest first. `next_key` is the last one's key where there are more, None at the end."""

    items: tuple[T, ...]
    next_key: PageKey | None


def cut(rows: Sequence[Any], limit: int, make: Callable[[Any], T], key: Callable[[Any], PageKey]) -> Page[T]:
    """A page of `limit` from rows that were asked for with a limit of one more."""
    items = rows[:limit]
    return Page(items=tuple(map(make, items)), next_key=key(items[-1]) if len(rows) > limit else None)


def earlier(columns: Sequence[sa.ColumnElement[Any]], after: PageKey | None) -> sa.ColumnElement[bool]:
    """Rows that follow `after` where `columns` sort descending; all rows where it is None."""
    if after is None:
        return sa.true()
    if len(columns) == 1:
        return columns[0] < after[0]
    return sa.tuple_(*columns) < sa.tuple_(*after)


def unindexed(column: sa.ColumnElement[str]) -> sa.ColumnElement[str]:
    """The same text, by which no engine looks for an index.

    SQLite has no statistics and takes an index that fits a common value; it would then read and sort all its rows for
    one page. Walking the primary key backwards ends after a page.
    """
    return column.concat("")
