"""When a backup is due, its name, and which backups are deleted for it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Literal

from notifier.domain.time import MINUTE, Duration, Instant, rfc3339

RETRY: Duration = 5 * MINUTE

Form = Literal["db", "dump"]
"""The format of a backup: a SQLite file, or the output of `pg_dump`."""

_NAME = r"notifier-\d{8}T\d{6}Z\.(?:db|dump)"
_NOT_IN_NAMES = re.compile(r"[-:]|\.\d+")
_MADE = re.compile(_NAME)
_BEGUN = re.compile(rf"\.{_NAME}\.copying(?:-[a-z]+)?")


def due_at(made_at: Instant | None, every: Duration, *, not_before: Instant) -> Instant:
    """When the next backup may begin; the first one is due at once."""
    return not_before if made_at is None else max(not_before, made_at + every)


def retry_at(failed_at: Instant, every: Duration) -> Instant:
    """When to retry a failed backup: after five minutes, or `every` if that is shorter."""
    return failed_at + min(RETRY, every)


def file_name(at: Instant, form: Form) -> str:
    """The file name of a backup that begins at `at`. Names sort by time."""
    return f"notifier-{_NOT_IN_NAMES.sub('', rfc3339(at))}.{form}"


def count_backups(names: Iterable[str]) -> int:
    """The number of backups among the file names of a folder."""
    return sum(1 for name in names if _MADE.fullmatch(name))


def surplus(names: Iterable[str], keep: int, *, newest: str) -> tuple[str, ...]:
    """The backups to delete, so that `keep` remain. Files with other names are ignored.

    Backups with a later time than `newest` were made while the clock was wrong, and are deleted first.
    """
    made = (name for name in names if _MADE.fullmatch(name))
    return tuple(sorted(made, key=lambda name: (_moment(name) <= _moment(newest), name))[:-keep])


def _moment(name: str) -> str:
    return name.partition(".")[0]


def abandoned(names: Iterable[str]) -> tuple[str, ...]:
    """Temporary files left behind by a backup whose process was killed."""
    return tuple(name for name in names if _BEGUN.fullmatch(name))
