"""A database that was restored from a backup, and whose incidents go on under numbers that no message has named yet.

Between a backup and its restoring the service has opened incidents that the copy does not know. Their numbers stand in
mails, and would come again for others.
"""

from __future__ import annotations

import sqlite3

import sqlalchemy as sa

from notifier.store import copying
from notifier.store.compiled import upsert
from notifier.store.database import Tx
from notifier.store.schema import incidents, instance

STEP = 100_000
_MARK = 1
_DATABASE = "database"


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
    """In a restored database the next incident's number, the next multiple of `STEP`; None in any other, and again."""
    if not (_marked(tx) if tx.dialect == "sqlite" else _elsewhere(tx)):
        return None
    last = copying.last_numbers(tx)
    following = (last[incidents.name] // STEP + 1) * STEP
    copying.go_on_after(tx, {**last, incidents.name: following - 1})
    return following


def _marked(tx: Tx) -> bool:
    """Whether the file is a marked copy; from now on it is not."""
    if tx.run(sa.text("PRAGMA user_version")).scalar() != _MARK:
        return False
    tx.run(sa.text("PRAGMA user_version = 0"))
    return True


def _elsewhere(tx: Tx) -> bool:
    """Whether the rows have come here from another of PostgreSQL's databases, as `pg_restore` brings them.

    A dump cannot be marked. The row that names the database which serves them comes along, and names another one.
    """
    here = str(tx.run(_HERE).scalar_one())
    if tx.run(_MAY_ASK).scalar():
        here = f"{tx.run(_CLUSTER).scalar_one()}/{here}"
    made = upsert(tx.dialect, instance).values(name=_DATABASE, value=here, at=tx.now)
    if tx.run(made.on_conflict_do_nothing()).rowcount == 1:
        return False
    of_row = instance.c.name == _DATABASE
    before = tx.run(sa.select(instance.c.value).where(of_row).with_for_update()).scalar_one()
    if before == here:
        return False
    tx.run(sa.update(instance).where(of_row).values(value=here, at=tx.now))
    return True


_HERE = sa.text("SELECT oid FROM pg_database WHERE datname = current_database()")
_MAY_ASK = sa.text("SELECT has_function_privilege('pg_control_system()', 'execute')")
_CLUSTER = sa.text("SELECT system_identifier FROM pg_control_system()")
