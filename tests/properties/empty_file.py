"""An empty database file, which every example of a state machine starts from."""

from __future__ import annotations

import tempfile
from pathlib import Path

from notifier.store.schema import metadata
from notifier.store.sqlite import create_engine

_made: list[tempfile.TemporaryDirectory[str]] = []


def empty_file() -> Path:
    """The file, made once per process, to be copied."""
    if not _made:
        _made.append(tempfile.TemporaryDirectory(prefix="ntf-template-"))
        engine = create_engine(Path(_made[0].name) / "empty.db")
        metadata.create_all(engine)
        engine.dispose()
    return Path(_made[0].name) / "empty.db"
