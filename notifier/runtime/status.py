"""The status of the service: what this process knows of itself, beside what the database says of all of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version

from notifier.domain.time import SECOND, Duration, Instant
from notifier.oncall.status import Accounting, DatabaseStatus
from notifier.store.ledger import BooksCheck
from notifier.telemetry.loop import Loop

BEATS_WITHIN: Duration = 30 * SECOND
"""A loop whose step may rightly take longer has its own limit."""
CLOCK_ADVICE = "Where the clock is wrong, set it right before then"


@dataclass(frozen=True, slots=True, kw_only=True)
class LoopStatus:
    """When a loop last moved; `trouble` is the sentence that says why it is not one that beats, None where it is."""

    name: str
    beat: Instant
    trouble: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigStatus:
    """The configuration in use, and since when; and when one was last refused, with the place of each problem."""

    source: str
    version: str
    loaded_at: Instant
    refused_at: Instant | None = None
    problems: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceStatus:
    """How this process does, and the instance. `not_ready` are the sentences of `/readyz`.

    `books` are running figures; `books_check` is when they were last compared with everything counted, and where they
    differed (None: not yet).
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
    """A loop that stalled, or has not moved for `BEATS_WITHIN` and for its own limit, does not beat."""
    trouble = None
    if loop.stalls:
        trouble = f"the {loop.name} loop stalled {loop.stalls} times in a row and was started again"
    elif now - loop.beat > max(BEATS_WITHIN, loop.limit):
        trouble = f"the {loop.name} loop has not moved for {(now - loop.beat) // SECOND} s"
    return LoopStatus(name=loop.name, beat=loop.beat, trouble=trouble)


def troubles(loops: Sequence[Loop], now: Instant) -> list[str]:
    """Why loops do not beat, as sentences."""
    return [trouble for loop in loops if (trouble := loop_status(loop, now).trouble) is not None]


def release() -> str:
    """The version of the installed package; empty where it is not installed."""
    try:
        return version("notifier-alerting")
    except PackageNotFoundError:
        return ""
