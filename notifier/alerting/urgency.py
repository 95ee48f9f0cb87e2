"""The order of what is due: in a crowd, what is critical goes before what has waited longer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from notifier.store.compiled import Query, Row
from notifier.store.database import Tx

R = TypeVar("R", bound=Row)


def most_urgent(tx: Tx, due: Query[R], urgent: Query[R], *, key: str, most: int) -> Sequence[R]:
    """At most `most` rows that are due now; where there are more, those that `urgent` reads before the others.

    `key` names the field that tells one row from another.
    """
    oldest = due(tx, now=tx.now, most=most)
    if len(oldest) < most:
        return oldest
    rows = (*urgent(tx, now=tx.now, most=most), *oldest)
    return list({getattr(row, key): row for row in rows}.values())[:most]
