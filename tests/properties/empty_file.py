"""An empty database file, which every example of a machine begins with."""

from __future__ import annotations

import tempfile
from pathlib import Path

from notifier.store.schema import metadata
from notifier.store.sqlite import create_engine

_made: list[tempfile.TemporaryDirectory[str]] = []


def empty_file() -> Path:
    """Made once in a process; copy it."""
    if not _made:
        _made.append(tempfile.TemporaryDirectory(prefix="ntf-template-"))
        engine = create_engine(Path(_made[0].name) / "empty.db")
        metadata.create_all(engine)
        engine.dispose()
    return Path(_made[0].name) / "empty.db"
