"""Databases of earlier versions, as SQL: 0.1.0 as released (`0001`), and one with on-call data (`0003`).

Each was written by that version's `notifier serve` with events, keys and acts of people. The first line has the secrets
of three keys: the first one, a sender's, and a revoked one. The data is invented.
"""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from notifier.domain.time import HOUR, Instant

VERSIONS = ("0001", "0003")
AGE = 3 * HOUR
RECEIVER = "http://127.0.0.1:9931"

_MOMENT = re.compile(r"\b1[78]\d{11}\b")


@dataclass(frozen=True, slots=True)
class Earlier:
    """A database of an earlier version, with times shifted so that the latest is three hours before `now`."""

    version: str
    script: str
    keys: tuple[str, ...]

    @classmethod
    def read(cls, version: str, now: Instant, *, receiver: str = RECEIVER) -> Earlier:
        """Read the dump; its webhooks are sent to `receiver`."""
        text = (Path(__file__).parent / "store" / "earlier" / f"{version}.sql").read_text(encoding="utf-8")
        first, script = text.replace(RECEIVER, receiver).split("\n", 1)
        last = max(int(at) for at in re.findall(r'INTO "event_ids" VALUES\(.*,(\d{13})\);', script))
        moved = _MOMENT.sub(lambda found: str(int(found[0]) + now - AGE - last), script)
        return cls(version, moved, tuple(first.removeprefix("-- keys: ").split()))

    def write(self, path: Path) -> None:
        """Write the SQLite file."""
        with closing(sqlite3.connect(path)) as file:
            file.executescript(self.script)

    def rows(self) -> dict[str, list[dict[str, Any]]]:
        """The rows of each table, by column."""
        with closing(sqlite3.connect(":memory:")) as file:
            file.executescript(self.script)
            file.row_factory = sqlite3.Row
            names = [row[0] for row in file.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
            return {
                name: [dict(row) for row in file.execute(f'SELECT * FROM "{name}"')]
                for name in names
                if not name.startswith("sqlite_")
            }
