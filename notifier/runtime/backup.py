"""Copies the SQLite file consistently. A copy is marked as one, and gets its name only when it is complete."""

from __future__ import annotations

import os
import shutil
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from sqlalchemy import Engine

from notifier.domain.errors import StoreError, StoreFull
from notifier.store import restored
from notifier.store.sqlite import create_engine

ROOM_LEFT = 50_000_000
"""The bytes that a copy leaves free, because the service may write to the same disk."""

Progress = Callable[[int, int, int], object]

_PARTS = ("", "-wal", "-shm", "-journal", ".lock", ".reserve")


def copy(source: Path, path: Path, stop: threading.Event | None = None) -> None:
    """Writes the file's current content to `path` by SQLite's backup API. Raises `StoreError` if `stop` is set."""

    def go_on(*_: int) -> None:
        if stop is not None and stop.is_set():
            raise StoreError("it was stopped")

    # A connection of its own: closing a plain file descriptor on the database would drop its locks.
    engine = create_engine(source, read_only=True)
    try:
        with closing(sqlite3.connect(path)) as target:
            copy_into(engine, target, progress=go_on)
            restored.mark(target)
    finally:
        engine.dispose()


def copy_into(source: Engine, target: sqlite3.Connection, *, progress: Progress | None = None) -> None:
    """Copies in steps of four megabytes. Calls `progress` after each with a code, the remaining and all pages."""
    with source.begin() as connection:
        raw = connection.connection.driver_connection
        assert isinstance(raw, sqlite3.Connection)
        # An open read transaction, without which each commit of others makes SQLite start again.
        raw.execute("SELECT count(*) FROM sqlite_master").fetchone()
        raw.backup(target, pages=1024, progress=progress)


def write_copy(source: Path, path: Path, stop: threading.Event | None = None, *, times: int = 1) -> None:
    """Makes a copy that only its owner can read. It is complete and on disk, or not there.

    Raises `StoreFull` if the disk has no room for `times` copies, or becomes full.
    """
    with explaining_errors(source, path.parent, times=times), draft_file(path) as draft:
        copy(source, draft, stop)
        check(draft, stop)


@contextmanager
def explaining_errors(source: Path, folder: Path, *, times: int = 1) -> Iterator[None]:
    """Raises an error of the block, which copies `source` into this folder, as a `StoreError` with a sentence.

    Raises `StoreFull` if the disk has no room for `times` copies, or becomes full.
    """
    needed, free = times * source.stat().st_size + ROOM_LEFT, shutil.disk_usage(folder).free
    if free < needed:
        raise StoreFull(
            f"there is no room for a copy: it wants {needed / 1e6:,.0f} MB, and {free / 1e6:,.0f} MB are free"
        )
    try:
        yield
    except sqlite3.Error as error:
        if getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_FULL:
            raise StoreFull("there is no room for a copy: the disk was full before it was done") from error
        raise StoreError(
            f"SQLite could not copy it ({getattr(error, 'sqlite_errorname', 'unknown')})"
        ) from error


@contextmanager
def draft_file(path: Path) -> Iterator[Path]:
    """A file to write, readable only by its owner. It gets its name if the block succeeds."""
    draft = path.with_name(f".{path.name}.copying")
    remove(draft)
    try:
        os.close(os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        yield draft
        publish(draft, path)
    finally:
        remove(draft)


def check(path: Path, stop: threading.Event | None = None) -> None:
    """Raises `StoreError` if SQLite finds a file corrupt, or if `stop` is set."""
    with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as file:
        if stop is not None:
            file.set_progress_handler(lambda: int(stop.is_set()), 100_000)
        findings = [row[0] for row in file.execute("PRAGMA integrity_check(3)")]
    if findings != ["ok"]:
        raise StoreError("the copy is damaged: look at the disks, and run `notifier db check`")


def publish(draft: Path, path: Path) -> None:
    """Renames a closed file to its final name, after flushing it to disk."""
    with draft.open("rb") as file:
        os.fsync(file.fileno())
    draft.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def remove(draft: Path) -> None:
    """Removes an unfinished file, and the files that SQLite keeps beside it."""
    for part in _PARTS:
        Path(f"{draft}{part}").unlink(missing_ok=True)
