"""A database that was restored from a backup, and whose incidents go on under numbers that no message has named yet.

Between a backup and its restoring the service has opened incidents that the copy does not know. Their numbers stand in
mails, and would come again for others.
"""

from __future__ import annotations

import sqlite3

import sqlalchemy as sa

from notifier.store.database import Tx

STEP = 100_000
_MARK = 1


def mark(copy: sqlite3.Connection) -> None:
    """Mark a copy of the database as one. SQLite keeps this number in the file for its application, and 0 is none."""
    copy.execute(f"PRAGMA user_version = {_MARK}")


def renumber(tx: Tx) -> int | None:
    """In a marked copy the next incident's number, the next multiple of `STEP`, and no mark any more; else None."""
    if tx.run(sa.text("PRAGMA user_version")).scalar() != _MARK:
        return None
    last = tx.run(sa.text("SELECT seq FROM sqlite_sequence WHERE name = 'incidents'")).scalar()
    following = ((last or 0) // STEP + 1) * STEP
    statement = (
        "INSERT INTO sqlite_sequence (name, seq) VALUES ('incidents', :seq)"
        if last is None
        else "UPDATE sqlite_sequence SET seq = :seq WHERE name = 'incidents'"
    )
    tx.run(sa.text(statement), {"seq": following - 1})
    tx.run(sa.text("PRAGMA user_version = 0"))
    return following
