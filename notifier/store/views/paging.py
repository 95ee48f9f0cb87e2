"""Keyset pagination, which new rows do not disturb."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import sqlalchemy as sa

T = TypeVar("T")

PageKey = tuple[int | str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Page(Generic[T]):
    """A page of rows. `next_key` is the key of the last row if there are more, otherwise None."""

    items: tuple[T, ...]
    next_key: PageKey | None


def cut(rows: Sequence[Any], limit: int, make: Callable[[Any], T], key: Callable[[Any], PageKey]) -> Page[T]:
    """Make a page from rows that were queried with a limit of `limit + 1`."""
    items = rows[:limit]
    return Page(items=tuple(map(make, items)), next_key=key(items[-1]) if len(rows) > limit else None)


def earlier(columns: Sequence[sa.ColumnElement[Any]], after: PageKey | None) -> sa.ColumnElement[bool]:
    """A condition for rows after `after` when sorting by `columns` in descending order; None for all rows."""
    if after is None:
        return sa.true()
    if len(columns) == 1:
        return columns[0] < after[0]
    return sa.tuple_(*columns) < sa.tuple_(*after)


def unindexed(column: sa.ColumnElement[str]) -> sa.ColumnElement[str]:
    """The same text in a form that no index matches.

    SQLite has no statistics and would use an index on a common value, reading and sorting all its rows for one page.
    Walking the primary key backwards ends after a page.
    """
    return column.concat("")
