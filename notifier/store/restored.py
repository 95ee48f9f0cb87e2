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


def mark(copy: sqlite3.Connection, *, beyond: int = 0) -> None:
    """Mark a copy of the database as one. SQLite keeps this number in the file for its application, and 0 is none.

    `beyond` is the last number that a database has given which this copy replaces: a copy that is restored a second
    time knows nothing of what came after the first.
    """
    copy.execute(f"PRAGMA user_version = {_MARK}")
    if beyond > last_number(copy):
        copy.execute("DELETE FROM sqlite_sequence WHERE name = 'incidents'")
        copy.execute("INSERT INTO sqlite_sequence (name, seq) VALUES ('incidents', ?)", (beyond,))
        copy.commit()


def last_number(database: sqlite3.Connection) -> int:
    """The number of the last incident that a database has opened; 0: of none."""
    row = database.execute("SELECT seq FROM sqlite_sequence WHERE name = 'incidents'").fetchone()
    return int(row[0]) if row else 0


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
