"""Incidents and their sampled events."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

from notifier.domain.incident import Incident, page
from notifier.domain.matcher import Matcher, meet
from notifier.domain.severity import Severity
from notifier.domain.state import State
from notifier.store.database import Dialect, Tx
from notifier.store.json_rows import json_value
from notifier.store.schema import OPEN, events, incidents
from notifier.store.views.paging import Page, PageKey, cut, earlier, unindexed

SCANNED_AT_ONCE = 1_000
SCANNED_AT_MOST = 20_000
"""How many rows one page reads where only the program can judge them (regular expressions); the next page goes on."""

FEW_AT_MOST = 5_000
"""Up to so many incidents that are not resolved are sorted for each page."""

# SQLite's JSON paths have no escape for a quote inside a name.
_PLAIN_NAME = re.compile(r"[A-Za-z0-9_.:/-]+")


Sort = Literal["newest", "severity", "count", "last_seen"]
"""What stands first: the newest; or the worst, the most frequent, the last heard of, and of equals the newest."""

_RANK = sa.case(
    {severity.value: severity.rank for severity in Severity}, value=incidents.c.severity, else_=-1
)
_JUDGED = (incidents.c.title, incidents.c.labels)
_FIRST: Mapping[Sort, Sequence[sa.ColumnElement[int]]] = {
    "newest": (),
    "severity": (_RANK,),
    "count": (incidents.c.count,),
    "last_seen": (incidents.c.last_seen,),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentSearch:
    """Incidents of one project whose labels meet every matcher and whose title has every word, whatever its case."""

    project: str
    state: State | None = None
    unresolved: bool = False
    matchers: tuple[Matcher, ...] = ()
    words: tuple[str, ...] = ()
    sort: Sort = "newest"


def with_latest() -> sa.Select:  # type: ignore[type-arg]
    """Incidents with their newest sample's document as `latest`."""
    newest = (
        sa.select(events.c.document)
        .where(events.c.incident == incidents.c.number)
        .order_by(events.c.seq.desc())
        .limit(1)
        .correlate(incidents)
        .scalar_subquery()
    )
    return sa.select(incidents, newest.label("latest"))


def incident_of(row: sa.Row, url: str | None) -> Incident:  # type: ignore[type-arg]
    """One row of `with_latest`; `url` is the base of links."""
    return Incident(
        id=row.id,
        number=row.number,
        project=row.project,
        environment=row.environment,
        fingerprint=row.fingerprint,
        title=row.title,
        state=State(row.state),
        severity=Severity(row.severity),
        labels=json_value(row.labels),
        varying=tuple(json_value(row.varying)),
        count=row.count,  # type: ignore[arg-type] # the column, not the tuple's method
        first_seen=row.first_seen,
        last_seen=row.last_seen,
        acknowledged_by=row.acknowledged_by,
        resolved_at=row.resolved_at,
        previous_id=row.previous_id,
        url=None if url is None else page(url, row.number, row.id),
        latest_event=None if row.latest is None else json_value(row.latest),
    )


def incident(tx: Tx, name: str | int, *, project: str | None, url: str | None) -> Incident | None:
    """The incident with this id, or number where it is an integer; of this project, or of any where that is None."""
    query = with_latest().where(
        incidents.c.number == name if isinstance(name, int) else incidents.c.id == name
    )
    if project is not None:
        query = query.where(incidents.c.project == project)
    row = tx.run(query).one_or_none()
    return None if row is None else incident_of(row, url)


def find_incidents(
    tx: Tx, search: IncidentSearch, *, after: PageKey | None, limit: int, url: str | None
) -> Page[Incident]:
    """In the order of `sort`. A page may be short, or empty, and yet have a next one: see `SCANNED_AT_MOST`."""
    numbers, next_key = _numbers(tx, search, after, limit)
    rows = {row.number: row for row in tx.run(with_latest().where(incidents.c.number.in_(numbers)))}
    # On PostgreSQL a row may have been pruned between the two.
    items = tuple(incident_of(rows[number], url) for number in numbers if number in rows)
    return Page(items=items, next_key=next_key)


def matching(tx: Tx, search: IncidentSearch, *, most: int) -> tuple[list[str], int]:
    """The ids of at most so many incidents that match, newest first, and how many do."""
    first, after = _numbers(tx, search, None, most)
    count = len(first)
    while after is not None:
        following, after = _numbers(tx, search, after, SCANNED_AT_MOST)
        count += len(following)
        first += following[: most - len(first)]
    ids = sa.select(incidents.c.id).where(incidents.c.number.in_(first)).order_by(incidents.c.number.desc())
    return list(tx.run(ids).scalars()), count


def find_events(tx: Tx, number: int, *, after: PageKey | None, limit: int) -> Page[Mapping[str, Any]]:
    """The samples of one incident as documents, newest first."""
    rows = tx.run(
        sa.select(events.c.seq, events.c.document)
        .where(events.c.incident == number, earlier([events.c.seq], after))
        .order_by(events.c.seq.desc())
        .limit(limit + 1)
    ).all()
    return cut(rows, limit, lambda row: json_value(row.document), lambda row: (row.seq,))


def _numbers(
    tx: Tx, search: IncidentSearch, after: PageKey | None, limit: int
) -> tuple[list[int], PageKey | None]:
    exact = [matcher for matcher in search.matchers if _in_sql(matcher)]
    judged = [matcher for matcher in search.matchers if not _in_sql(matcher)]
    foreign = [word.casefold() for word in search.words if not word.isascii()]
    few = _few(tx, search)
    order = _order(search, few=few)
    query = _narrowed(tx.dialect, search, exact, few=few)
    if not (judged or foreign):  # what is sorted is carried along
        query = query.with_only_columns(*order)
    at_once = SCANNED_AT_ONCE if judged or foreign else limit + 1
    keys: list[PageKey] = []
    for _ in range(max(1, SCANNED_AT_MOST // at_once)):
        rows = tx.run(query.where(earlier(order, after)).limit(at_once)).all()
        for row in rows:
            if (judged or foreign) and not _fits(row, judged, foreign):
                continue
            if len(keys) == limit:
                return _last(keys), keys[-1]
            keys.append(tuple(row)[: len(order)])
        if len(rows) < at_once:
            return _last(keys), None
        after = tuple(rows[-1])[: len(order)]
    return _last(keys), after


def _last(keys: Sequence[PageKey]) -> list[int]:
    return [int(key[-1]) for key in keys]


def _order(search: IncidentSearch, *, few: bool = False) -> tuple[sa.ColumnElement[int], ...]:
    """With `few`, by a sum, for which no engine walks the primary key."""
    return (*_FIRST[search.sort], incidents.c.number + 0 if few else incidents.c.number)


def _few(tx: Tx, search: IncidentSearch) -> bool:
    """Whether it is about what is not resolved, and that is a handful, perhaps among a million: an index has it."""
    if not (search.unresolved or search.state in {State.OPEN, State.ACKNOWLEDGED}):
        return False
    unresolved = sa.select(sa.literal(1)).where(incidents.c.closed == OPEN, incidents.c.quiet_since >= 0)
    return len(tx.run(unresolved.limit(FEW_AT_MOST + 1)).all()) <= FEW_AT_MOST


def _narrowed(
    dialect: Dialect, search: IncidentSearch, exact: Sequence[Matcher], *, few: bool = False
) -> sa.Select:  # type: ignore[type-arg]
    """The query, as far as the engine can judge rows by itself."""
    order = _order(search, few=few)
    query = (
        sa.select(*order, *_JUDGED)
        .where(unindexed(incidents.c.project) == search.project)
        .order_by(*(column.desc() for column in order))
    )
    if search.state is not None:
        query = query.where(incidents.c.state == search.state.value)
    if search.unresolved or few:
        query = query.where(incidents.c.closed == OPEN)
    if few:
        query = query.where(incidents.c.quiet_since >= 0)
    for matcher in exact:
        value = sa.func.coalesce(label(dialect, matcher.name), "")
        query = query.where(value == matcher.value if matcher.op == "=" else value != matcher.value)
    # SQLite folds the case of ASCII letters only; other words are judged here.
    ascii_words = [word for word in search.words if word.isascii()]
    return query.where(*(incidents.c.title.icontains(word, autoescape=True) for word in ascii_words))


def _in_sql(matcher: Matcher) -> bool:
    return matcher.op in {"=", "!="} and _PLAIN_NAME.fullmatch(matcher.name) is not None


def label(dialect: Dialect, name: str) -> sa.ColumnElement[str]:
    """A label of the incident, NULL where it has none. The name is a plain one."""
    if dialect == "sqlite":
        return sa.func.json_extract(incidents.c.labels, f'$."{name}"', type_=sa.Text())
    value: sa.ColumnElement[str] = sa.cast(incidents.c.labels, JSONB)[name].astext
    return value


def _fits(row: sa.Row, matchers: Sequence[Matcher], words: Sequence[str]) -> bool:  # type: ignore[type-arg]
    if words and not all(word in row.title.casefold() for word in words):
        return False
    return not matchers or meet(matchers, json_value(row.labels))
