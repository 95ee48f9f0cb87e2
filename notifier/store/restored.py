"""Numbering of incidents after a restore, so that numbers used since the backup are not reused.

Between a backup and its restore, the service has opened incidents that the copy does not contain. Their numbers are
in messages already sent.
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
    """Mark a SQLite copy as restored from a backup, in the `application_id` of the file.

    `beyond` is the last number used in a database that the copy replaces; restoring the same copy twice would
    otherwise reuse numbers.
    """
    copy.execute(f"PRAGMA user_version = {_MARK}")
    if beyond > last_number(copy):
        copy.execute("DELETE FROM sqlite_sequence WHERE name = 'incidents'")
        copy.execute("INSERT INTO sqlite_sequence (name, seq) VALUES ('incidents', ?)", (beyond,))
        copy.commit()


def last_number(database: sqlite3.Connection) -> int:
    """The number of the last incident in a database, 0 if there are none."""
    row = database.execute("SELECT seq FROM sqlite_sequence WHERE name = 'incidents'").fetchone()
    return int(row[0]) if row else 0


def renumber(tx: Tx) -> int | None:
    """Continue numbering at the next multiple of `STEP` in a restored database, once.

    Returns that number, or None.
    """
    if not (_take_mark(tx) if tx.dialect == "sqlite" else _was_moved(tx)):
        return None
    last = copying.last_numbers(tx)
    following = (last[incidents.name] // STEP + 1) * STEP
    copying.restart_sequences(tx, {**last, incidents.name: following - 1})
    return following


def _take_mark(tx: Tx) -> bool:
    """Whether the SQLite file is marked; clears the mark."""
    if tx.run(sa.text("PRAGMA user_version")).scalar() != _MARK:
        return False
    tx.run(sa.text("PRAGMA user_version = 0"))
    return True


def _was_moved(tx: Tx) -> bool:
    """Whether the rows were copied here from another PostgreSQL database, as by `pg_restore`.

    A dump cannot be marked. Instead a row holds the identity of the database in which it was written.
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
