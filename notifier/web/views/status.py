"""The page of status: whether anything is lost or late, and the health of the service."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePath

from notifier.domain.incident_history import AuditEntry
from notifier.domain.time import Instant, words
from notifier.oncall.hold import HoldState
from notifier.oncall.status import BackupState, BooksCheck, Difference, Equation, ReplicaBeat, equations
from notifier.runtime.status import AWAY_OR_AHEAD, CLOCK_ADVICE, LoopStatus, ServiceStatus
from notifier.web.views.audit_trail import ActLine, trail
from notifier.wording.text import counted, number

_SENTENCES = {
    "events": ("Every accepted event is counted.", "event"),
    "telling": ("Everything is told, held for a named reason, or due.", "incident"),
    "deliveries": ("Every delivery is accounted for.", "delivery"),
}
LOOPS: Mapping[str, str] = {
    "ingest": "takes events in",
    "attention": "routes incidents",
    "groups": "decides what is told",
    "quiet": "resolves what has gone quiet",
    "delivery": "sends",
    "sweep": "ends what waited too long",
    "processes": "notices lost task runs",
    "monitors": "notices jobs that stay away",
    "backups": "makes backups",
    "housekeeping": "removes what is past its retention",
}
"""The work of each loop, by its name in `/metrics`."""
_NAMES = {"events": "Events", "telling": "Telling", "deliveries": "Deliveries"}


@dataclass(frozen=True, slots=True, kw_only=True)
class BalanceLine:
    """An equation of the ledger in numbers, and a sentence that says whether it balances."""

    name: str
    holds: bool
    sentence: str
    sum: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusView:
    """The page. `lost` is true if an equation does not balance; `troubles` are sentences about other problems.

    `checked_at` is the time of the last full count of the tables, and `differences` its result.
    """

    now: Instant
    lost: bool
    balances: tuple[BalanceLine, ...]
    balanced_at: Instant
    checked_at: Instant | None
    differences: tuple[str, ...]
    troubles: tuple[str, ...]
    oldest_at: Instant | None
    oldest_channel: str
    hold: HoldState | None
    loops: tuple[tuple[LoopStatus, str], ...]
    replicas: tuple[ReplicaBeat, ...]
    status: ServiceStatus
    file: str
    size: str
    limit: str | None
    shed: tuple[tuple[str, int], ...]
    problems: tuple[tuple[str, str], ...]
    acts: tuple[ActLine, ...]
    backup: BackupState | None
    backup_size: str


def status_view(
    status: ServiceStatus,
    hold: HoldState | None,
    *,
    limit: int | None,
    problems: tuple[tuple[str, str], ...] = (),
    entries: Iterable[AuditEntry] = (),
) -> StatusView:
    """The page.

    `hold` is what waits for the release, or None if the reader may not know; `limit` is the database's maximum size in
    bytes. `problems` are those of a refused configuration file, each with its place; `entries` are the audited acts on
    the configuration and the hold.
    """
    balances = tuple(map(_balance, equations(status.books)))
    oldest = status.database.oldest
    books, check = status.books, status.books_check
    shed = (
        ("samples", books.shed_samples),
        ("deliveries", books.shed_deliveries),
        ("task runs", books.shed_task_runs),
    )
    return StatusView(
        now=status.database.at,
        lost=not all(balance.holds for balance in balances) or not _is_sound(status.books_check),
        balances=balances,
        balanced_at=status.books_at,
        checked_at=None if check is None else check.at,
        differences=() if check is None else tuple(map(_difference, check.differences)),
        troubles=tuple(_troubles(status)),
        oldest_at=None if oldest is None else oldest.created_at,
        oldest_channel="" if oldest is None else oldest.channel,
        hold=hold,
        loops=tuple((loop, LOOPS.get(loop.name, "")) for loop in status.loops),
        replicas=status.database.replicas,
        status=status,
        file=PurePath(status.config.source).name or "built-in defaults",
        size=size(status.database.bytes),
        limit=None if limit is None else size(limit),
        shed=tuple((name, count) for name, count in shed if count),
        problems=problems,
        acts=trail(entries),
        backup=status.database.backup,
        backup_size="" if status.database.backup is None else size(status.database.backup.bytes),
    )


def size(count: int) -> str:
    """A size such as `1.5 GB`, in powers of 1000."""
    units = ("bytes", "KB", "MB", "GB", "TB")
    value, unit = float(count), 0
    while value >= 1_000 and unit < len(units) - 1:
        value, unit = value / 1_000, unit + 1
    return f"{number(count)} bytes" if unit == 0 else f"{value:.3g} {units[unit]}"


def _balance(equation: Equation) -> BalanceLine:
    good, noun = _SENTENCES[equation.name]
    parts = " + ".join(f"{number(count)} {name}" for name, count in equation.parts.items()) or "0"
    return BalanceLine(
        name=_NAMES[equation.name],
        holds=equation.holds,
        sentence=good if equation.holds else _wrong(equation, noun),
        sum=f"{number(equation.total)} {'=' if equation.holds else '≠'} {parts}",
    )


def _wrong(equation: Equation, noun: str) -> str:
    many = abs(equation.difference)
    plural = f"{noun[:-1]}ies" if noun.endswith("y") else f"{noun}s"
    verb = (
        "would never be told"
        if equation.name == "telling"
        else "too many"
        if equation.difference < 0
        else "missing"
    )
    return f"{number(many)} {noun if many == 1 else plural} {verb}."


def _is_sound(check: BooksCheck | None) -> bool:
    return check is None or check.sound


def _difference(difference: Difference) -> str:
    """A ledger counter that differs from the tables."""
    return (
        f"{difference.term.replace('_', ' ').capitalize()}: the books say {number(difference.running)}, "
        f"and there are {number(difference.exact)}."
    )


def _troubles(status: ServiceStatus) -> Iterator[str]:
    for reason in status.not_ready:
        yield f"{reason[:1].upper()}{reason[1:]}."
    if status.config.refused_at is not None:
        count = counted(len(status.config.problems), "problem")
        yield f"The file of the configuration has {count}, and the one before goes on."
    backup = status.database.backup
    if backup is not None and backup.why:
        yield f"The last backup failed: {backup.why}. It is tried again."
    waits_until = status.database.retention_waits_until
    if waits_until is not None:
        left = words(waits_until - status.database.at)
        why = AWAY_OR_AHEAD[:1].upper() + AWAY_OR_AHEAD[1:]
        yield f"{why}: nothing is removed for its age for {left}. {CLOCK_ADVICE}."
    versions = {beat.version for beat in status.database.replicas}
    if len(versions) > 1:
        yield "Replicas follow different configurations: reload each of them."
