"""Searches of incidents in every sort order; a page reads a bounded number of rows.

Terms (`schema.search`) narrow the search to blocks of incidents, whose rows are then tested one by one. Rows that are
not indexed yet are tested as well. Sort orders are read from `incident_order`, except for incidents with later
events.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from typing import Any, Literal

import sqlalchemy as sa

from notifier.domain.matcher import Matcher, match_all
from notifier.domain.state import State
from notifier.policy import searching
from notifier.policy.searching import Term
from notifier.store.database import Dialect, Tx
from notifier.store.json_rows import encode_rows, encode_values, in_json, json_value, rows_from_json
from notifier.store.schema import BLOCK, CLOSED, OPEN, Big, events, incident_order, incident_terms, incidents
from notifier.store.search_index import ORDER, RANK, TERMS, reached
from notifier.store.views.labels import may_match
from notifier.store.views.paging import PageKey, earlier, unindexed

Sort = Literal["newest", "severity", "count", "last_seen"]
"""The sort order: newest, most severe, most events, or last seen first; ties newest first."""

READ_AT_ONCE = 4_096
READ_AT_MOST = 5 * READ_AT_ONCE
"""How many incidents one page tests; the next page continues."""
TERMS_AT_MOST = 5_000
"""A word found in more blocks, or that begins more terms, does not narrow the search."""
ACTIVE_AT_MOST = 5_000
"""How many incidents with unindexed events are sorted in: the most recently active ones, and the leading ones of the
newest."""
ORDERED_AT_ONCE = 1_000
FETCHED_AT_ONCE = 100
"""Fetching rows one at a time would cost twice as much."""

_KEYS: Mapping[Sort, tuple[sa.ColumnElement[int], ...]] = {
    "newest": (incidents.c.number,),
    "severity": (RANK, incidents.c.number),
    "count": (incidents.c.count, incidents.c.number),
    "last_seen": (incidents.c.last_seen, incidents.c.number),
}
_ORDERS: Mapping[Sort, tuple[sa.ColumnElement[int], ...]] = {
    "newest": (incident_order.c.number,),
    "severity": (incident_order.c.severity, incident_order.c.number),
    "count": (incident_order.c.count, incident_order.c.number),
    "last_seen": (incident_order.c.last_seen, incident_order.c.number),
}
_LIVE = {State.OPEN, State.ACKNOWLEDGED}


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentSearch:
    """A search for incidents of one project that match all matchers and all words (`policy.searching`)."""

    project: str
    state: State | None = None
    unresolved: bool = False
    matchers: tuple[Matcher, ...] = ()
    words: tuple[str, ...] = ()
    sort: Sort = "newest"

    @property
    def is_live(self) -> bool:
        """Whether the search is for unresolved incidents only."""
        return self.unresolved or self.state in _LIVE

    @property
    def is_judged(self) -> bool:
        """Whether incidents must be read to test matchers or words."""
        return bool(self.matchers or self.words)


Found = tuple[list[PageKey], PageKey | None]
"""Keys, which end in the incident's number, and the last key tested, None at the end."""


def find_keys(tx: Tx, search: IncidentSearch, after: PageKey | None, limit: int) -> Found:
    """The keys of at most `limit` matching incidents after `after`."""
    blocks = _blocks(tx, search)
    ranges = None if blocks is None else blocks.ranges
    if ranges is not None and sum(hi - lo + 1 for lo, hi in ranges) <= READ_AT_MOST:
        return _sorted(tx, search, ranges, after, limit)
    if search.sort != "newest" or search.is_live:
        active = _active(tx, search.sort)
        if search.sort != "newest" or len(active) < ACTIVE_AT_MOST:
            return _ordered(tx, search, blocks, after, limit, active)
        # During a storm the sort orders lag behind, and the newest incidents are the open ones.
        return _walked(tx, search, ranges, after, limit)
    keys, last = _walked(tx, search, ranges, after, limit)
    if last is not None and len(keys) < limit and not search.is_judged:
        # The project is a small one among others.
        more, last = _ordered(tx, search, blocks, last, limit - len(keys), _active(tx, search.sort))
        keys += more
    return keys, last


@dataclass(frozen=True, slots=True)
class _Blocks:
    """The possible places of matching incidents: some blocks, and all numbers after `indexed` up to `newest`."""

    numbers: frozenset[int]
    indexed: int
    newest: int

    def may_have(self, key: PageKey) -> bool:
        number = int(key[-1])
        return number > self.indexed or number // BLOCK in self.numbers

    @property
    def ranges(self) -> list[tuple[int, int]]:
        """Inclusive ranges of numbers, newest first."""
        tail = [(self.indexed + 1, self.newest)] if self.newest > self.indexed else []
        own = sorted(self.numbers, reverse=True)
        return tail + [(block * BLOCK, min((block + 1) * BLOCK - 1, self.indexed)) for block in own]


def _blocks(tx: Tx, search: IncidentSearch) -> _Blocks | None:
    """The blocks that may contain matching incidents, or None if no term narrows the search."""
    found: set[int] | None = None
    for term in searching.asked(search.words, search.matchers):
        own = _blocks_of(tx, search.project, term)
        if own is not None:
            found = own if found is None else found & own
        if found is not None and not found:
            break
    if found is None:
        return None
    newest = tx.run(sa.select(sa.func.max(incidents.c.number))).scalar() or 0
    return _Blocks(frozenset(found), reached(tx, TERMS), newest)


def _blocks_of(tx: Tx, project: str, term: Term) -> set[int] | None:
    """The blocks that contain a term, or None if there are too many."""
    column = incident_terms.c.term
    fits = column == term.text
    if term.prefix:
        fits = sa.and_(column >= term.text, column < term.text + chr(0x10FFFF))
    query = sa.select(incident_terms.c.block).where(incident_terms.c.project == project, fits)
    found = tx.run(query.limit(TERMS_AT_MOST + 1)).scalars().all()
    return None if len(found) > TERMS_AT_MOST else set(found)


def _walked(
    tx: Tx,
    search: IncidentSearch,
    ranges: Sequence[tuple[int, int]] | None,
    after: PageKey | None,
    limit: int,
) -> Found:
    """Matching incidents, newest first, read in parts."""
    newest = tx.run(sa.select(sa.func.max(incidents.c.number))).scalar() or 0
    upto = newest if after is None else int(after[-1]) - 1
    keys: list[PageKey] = []
    read = 0
    for part in _parts([(1, newest)] if ranges is None else ranges, upto):
        keys += [key for key, _ in _judged(tx, search, part, limit + 1 - len(keys))]
        if len(keys) > limit:
            return keys[:limit], keys[limit - 1]
        read += READ_AT_ONCE
        if read >= READ_AT_MOST and part[-1][0] > 1:
            return keys, (part[-1][0],)
    return keys, None


def _parts(ranges: Iterable[tuple[int, int]], upto: int) -> Iterator[list[tuple[int, int]]]:
    """Ranges of numbers up to `upto`, split into parts of at most `READ_AT_ONCE` numbers."""
    part: list[tuple[int, int]] = []
    room = READ_AT_ONCE
    for lo, hi in ranges:
        top = min(hi, upto)
        while top >= lo:
            low = max(lo, top - room + 1)
            part.append((low, top))
            room -= top - low + 1
            top = low - 1
            if not room:
                yield part
                part, room = [], READ_AT_ONCE
    if part:
        yield part


def _sorted(
    tx: Tx, search: IncidentSearch, ranges: Sequence[tuple[int, int]], after: PageKey | None, limit: int
) -> Found:
    """A page of a search with few candidates: all of them are tested, then sorted."""
    keys = [key for part in _parts(ranges, 2**62) for key, _ in _judged(tx, search, part, READ_AT_ONCE)]
    keys = sorted((key for key in keys if after is None or key < after), reverse=True)
    return keys[:limit], keys[limit - 1] if len(keys) > limit else None


def _judged(
    tx: Tx, search: IncidentSearch, part: Sequence[tuple[int, int]], most: int
) -> Iterator[tuple[PageKey, sa.Row[Any]]]:
    """Keys and rows of matching incidents in these ranges, newest first."""
    if len(part) == 1:  # Reads the primary key backwards, and no further than needed.
        query = (
            _rows(tx.dialect, search)
            .where(incidents.c.number.between(*part[0]))
            .order_by(incidents.c.number.desc())
        )
    else:
        query = _within(tx.dialect, _rows(tx.dialect, search)).order_by(sa.desc("number"))
    if not search.is_judged:
        query = query.limit(most)
    rows = tx.run(query, {} if len(part) == 1 else {"ranges": encode_rows(part).text})
    at_once = min(most + 1, FETCHED_AT_ONCE)
    return islice(_meant(search, chain.from_iterable(rows.partitions(at_once))), most)


def _within(dialect: Dialect, query: sa.Select[Any]) -> sa.Select[Any]:
    """Rows of the query within the ranges, each range read from the primary key."""
    between = rows_from_json(dialect, "ranges", [("lo", Big), ("hi", Big)])
    own = incidents.c.number.between(between.c.lo, between.c.hi)
    if dialect == "sqlite":
        return query.join(between, own)
    # Otherwise the planner estimates each range as a ninth of the table.
    one = query.where(own).order_by(incidents.c.number.desc()).limit(READ_AT_ONCE).lateral("one")
    return sa.select(one).select_from(between.join(one, sa.true()))


def _rows(dialect: Dialect, search: IncidentSearch) -> sa.Select[Any]:
    """Keys, titles and labels of incidents, filtered as far as SQL can."""
    columns: Sequence[sa.ColumnElement[Any]] = (*_KEYS[search.sort], incidents.c.title, incidents.c.labels)
    query = sa.select(*columns)
    query = query.where(unindexed(incidents.c.project) == search.project)
    if search.state is not None:
        query = query.where(incidents.c.state == search.state.value)
    if search.is_live:
        query = query.where(incidents.c.closed == OPEN)
    # SQLite folds case for ASCII letters only, also in LIKE.
    has = incidents.c.title.contains if dialect == "sqlite" else incidents.c.title.icontains
    query = query.where(*(has(word, autoescape=True) for word in search.words if word.isascii()))
    return query.where(may_match(search.matchers))


def _meant(search: IncidentSearch, rows: Iterable[sa.Row[Any]]) -> Iterator[tuple[PageKey, sa.Row[Any]]]:
    size = len(_KEYS[search.sort])
    for row in rows:
        if search.words and not searching.meets(search.words, row.title):
            continue
        if search.matchers and not match_all(search.matchers, json_value(row.labels)):
            continue
        yield tuple(row)[:size], row


def _ordered(
    tx: Tx,
    search: IncidentSearch,
    blocks: _Blocks | None,
    after: PageKey | None,
    limit: int,
    active: frozenset[int],
) -> Found:
    """Read off the orders, with what has been active since in its places."""
    moved = _exact(tx, search, active, after)
    keys: list[PageKey] = []
    at_once = ORDERED_AT_ONCE if search.is_judged else limit + 1 + len(active)
    for _ in range(max(1, READ_AT_MOST // ORDERED_AT_ONCE)):
        known = _known(tx, search, after, at_once)
        ends = len(known) < at_once
        last = None if ends else known[-1]
        still = [key for key in known if key[-1] not in active and (blocks is None or blocks.may_have(key))]
        now = [key for key in moved if last is None or key >= last]
        moved = moved[len(now) :]
        if search.is_judged:
            still = _only(tx, search, still)
        keys += heapq.merge(still, now, reverse=True)
        if len(keys) > limit:
            return keys[:limit], keys[limit - 1]
        if ends:
            return keys, None
        after = last
    return keys, after


def _active(tx: Tx, sort: Sort) -> frozenset[int]:
    """Incidents with events after the sort orders were written; during a storm, half of them by sort key."""
    since = events.c.received_at > reached(tx, ORDER)
    latest = sa.select(events.c.incident).where(since).order_by(events.c.received_at.desc())
    found = tx.run(latest.limit(ACTIVE_AT_MOST)).scalars().all()
    if len(found) < ACTIVE_AT_MOST or sort not in {"severity", "count"}:
        return frozenset(found)
    return frozenset((*found[: ACTIVE_AT_MOST // 2], *_first_of_newest(tx, sort, ACTIVE_AT_MOST // 2)))


def _first_of_newest(tx: Tx, sort: Sort, most: int) -> Sequence[int]:
    """The leading ones of the incidents that are missing in the sort orders."""
    known = tx.run(sa.select(sa.func.max(incident_order.c.number))).scalar() or 0
    newest = tx.run(sa.select(sa.func.max(incidents.c.number))).scalar() or 0
    later = incidents.c.number > max(known, newest - READ_AT_MOST)
    key = (column.desc() for column in _KEYS[sort])
    query = sa.select(incidents.c.number).where(later, incidents.c.closed == OPEN).order_by(*key)
    return tx.run(query.limit(most)).scalars().all()


def _exact(tx: Tx, search: IncidentSearch, numbers: Iterable[int], after: PageKey | None) -> list[PageKey]:
    """The keys of those incidents that match, with current values, in order."""
    query = _rows(tx.dialect, search).where(
        incidents.c.number.in_(in_json(tx.dialect, "numbers", Big)), earlier(_KEYS[search.sort], after)
    )
    rows = tx.run(query, {"numbers": encode_values(numbers).text}).all()
    return sorted((key for key, _ in _meant(search, rows)), reverse=True)


def _only(tx: Tx, search: IncidentSearch, keys: Sequence[PageKey]) -> list[PageKey]:
    """The keys whose incidents match."""
    query = _rows(tx.dialect, search).where(incidents.c.number.in_(in_json(tx.dialect, "numbers", Big)))
    rows = tx.run(query, {"numbers": encode_values(key[-1] for key in keys).text}).all()
    meant = {row.number for _, row in _meant(search, rows)}
    return [key for key in keys if key[-1] in meant]


def _known(tx: Tx, search: IncidentSearch, after: PageKey | None, limit: int) -> list[PageKey]:
    """The next keys in order, as stored in the sort orders."""
    order = _ORDERS[search.sort]
    found = [
        [
            tuple(row)
            for row in tx.run(
                sa.select(*order)
                .where(
                    incident_order.c.project == search.project,
                    incident_order.c.closed == closed,
                    earlier(order, after),
                )
                .order_by(*(column.desc() for column in order))
                .limit(limit)
            ).all()
        ]
        for closed in _closed(search)
    ]
    return list(islice(heapq.merge(*found, reverse=True), limit))


def _closed(search: IncidentSearch) -> Sequence[int]:
    if search.unresolved:
        return [CLOSED[state] for state in sorted(_LIVE)]
    return list(CLOSED.values()) if search.state is None else [CLOSED[search.state]]
