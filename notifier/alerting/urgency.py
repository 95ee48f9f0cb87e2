"""Ordering of due work: when there is more than one transaction handles, critical work comes first."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from notifier.store.compiled import Query, Row
from notifier.store.database import Tx

R = TypeVar("R", bound=Row)


def most_urgent(tx: Tx, due: Query[R], urgent: Query[R], *, key: str, most: int) -> Sequence[R]:
    """Up to `most` due rows; if there are more, those from `urgent` come first.

    `key` names the field that identifies a row.
    """
    oldest = due(tx, now=tx.now, most=most)
    if len(oldest) < most:
        return oldest
    rows = (*urgent(tx, now=tx.now, most=most), *oldest)
    return list({getattr(row, key): row for row in rows}.values())[:most]
