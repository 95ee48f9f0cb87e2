"""The status of the service: this process, and the instance as the database knows it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version

from notifier.domain.time import SECOND, Duration, Instant
from notifier.oncall.status import Accounting, DatabaseStatus
from notifier.store.ledger import BooksCheck
from notifier.telemetry.loop import Loop

BEATS_WITHIN: Duration = 30 * SECOND
"""The default limit. Loops with longer steps have their own."""
AWAY_OR_AHEAD = "the service was away, or the clock went ahead, for more than a day"
CLOCK_ADVICE = "Where the clock is wrong, set it right before then"


@dataclass(frozen=True, slots=True, kw_only=True)
class LoopStatus:
    """The time a loop last moved. `trouble` says why it does not run properly, None if it does."""

    name: str
    beat: Instant
    trouble: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigStatus:
    """The configuration in use, and the time and problems of the latest refusal."""

    source: str
    version: str
    loaded_at: Instant
    refused_at: Instant | None = None
    problems: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceStatus:
    """The status of this process and of the instance. `not_ready` are the sentences of `/readyz`.

    `books` are running figures. `books_check` is the result of the last full count, None if there was none yet.
    """

    release: str
    replica: str
    started_at: Instant
    config: ConfigStatus
    loops: tuple[LoopStatus, ...]
    not_ready: tuple[str, ...]
    database: DatabaseStatus
    books: Accounting
    books_at: Instant
    books_check: BooksCheck | None


def loop_status(loop: Loop, now: Instant) -> LoopStatus:
    """The status of a loop. It is stalled if it has not moved for `BEATS_WITHIN` and its own limit."""
    trouble = None
    if loop.stalls:
        trouble = f"the {loop.name} loop stalled {loop.stalls} times in a row and was started again"
    elif now - loop.beat > max(BEATS_WITHIN, loop.limit):
        trouble = f"the {loop.name} loop has not moved for {(now - loop.beat) // SECOND} s"
    return LoopStatus(name=loop.name, beat=loop.beat, trouble=trouble)


def troubles(loops: Sequence[Loop], now: Instant) -> list[str]:
    """Sentences about loops that do not move."""
    return [trouble for loop in loops if (trouble := loop_status(loop, now).trouble) is not None]


def release() -> str:
    """The version of the installed package. Empty if it is not installed."""
    try:
        return version("notifier-alerting")
    except PackageNotFoundError:
        return ""
