"""When a backup is due, what it is called, and which ones give way to it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Literal

from notifier.domain.time import MINUTE, Duration, Instant, rfc3339

RETRY: Duration = 5 * MINUTE

Form = Literal["db", "dump"]
"""A SQLite file, or what `pg_dump` writes."""

_NAME = r"notifier-\d{8}T\d{6}Z\.(?:db|dump)"
_NOT_IN_NAMES = re.compile(r"[-:]|\.\d+")
_MADE = re.compile(_NAME)
_BEGUN = re.compile(rf"\.{_NAME}\.copying(?:-[a-z]+)?")


def due_at(made_at: Instant | None, every: Duration, *, not_before: Instant) -> Instant:
    """The moment from which on the next may be begun; the first one is due at once."""
    return not_before if made_at is None else max(not_before, made_at + every)


def retry_at(failed_at: Instant, every: Duration) -> Instant:
    """The moment of the next try: what is made more often than every five minutes is tried as often."""
    return failed_at + min(RETRY, every)


def file_name(at: Instant, form: Form) -> str:
    """The name of a backup that is begun at this moment: names sort as they were begun."""
    return f"notifier-{_NOT_IN_NAMES.sub('', rfc3339(at))}.{form}"


def how_many(names: Iterable[str]) -> int:
    """The number of backups among the files of a folder."""
    return sum(1 for name in names if _MADE.fullmatch(name))


def surplus(names: Iterable[str], keep: int, *, newest: str) -> tuple[str, ...]:
    """The backups beyond the newest `keep`, of the files in a folder. What has another name is somebody else's.

    One whose name is of later than that of the `newest` was begun by a clock that was wrong, and goes first.
    """
    made = (name for name in names if _MADE.fullmatch(name))
    return tuple(sorted(made, key=lambda name: (_moment(name) <= _moment(newest), name))[:-keep])


def _moment(name: str) -> str:
    return name.partition(".")[0]


def abandoned(names: Iterable[str]) -> tuple[str, ...]:
    """The files that a backup leaves whose process was killed."""
    return tuple(name for name in names if _BEGUN.fullmatch(name))
