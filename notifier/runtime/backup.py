"""A consistent copy of the SQLite file, marked as one."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from notifier.store import restored
from notifier.store.sqlite import create_engine


def copy(source: Path, path: Path) -> None:
    """Write what the file holds now to `path`, with SQLite's backup API."""
    # A reader's own connection: closing a plain file descriptor on the database would drop its locks.
    engine = create_engine(source, read_only=True)
    target = sqlite3.connect(path)
    try:
        with engine.connect() as connection:
            raw = connection.connection.driver_connection
            assert isinstance(raw, sqlite3.Connection)
            raw.backup(target, pages=1024)
        restored.mark(target)
    finally:
        target.close()
        engine.dispose()
