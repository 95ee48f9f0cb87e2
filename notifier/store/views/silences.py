"""Silences, and the incidents that each affects."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from notifier.domain.incident import Incident
from notifier.domain.matcher import Matcher, match_all
from notifier.domain.notification import HeldBy
from notifier.domain.silence import Phase, Silence
from notifier.domain.time import Instant
from notifier.store.database import Tx
from notifier.store.json_rows import json_value
from notifier.store.schema import OPEN, incidents, members, silences
from notifier.store.silences import silence_of
from notifier.store.views.incidents import incident_of, with_latest
from notifier.store.views.labels import may_match
from notifier.store.views.paging import Page, PageKey, cut, earlier, unindexed


@dataclass(frozen=True, slots=True, kw_only=True)
class MatchedIncidents:
    """The unresolved incidents of a project that match.

    `counted_all` is False if there are too many: then only the newest were tested, and there are more than
    `unresolved`.
    """

    matching: int
    unresolved: int
    counted_all: bool
    incidents: tuple[Incident, ...]


def find_silences(
    tx: Tx,
    *,
    project: str,
    state: Phase | None,
    in_phase: Callable[[Silence], bool],
    after: PageKey | None,
    limit: int,
) -> Page[Silence]:
    """Silences of one project, newest first. `state` filters in SQL, `in_phase` is tested in Python."""
    order = [silences.c.created_at, silences.c.id]
    query = sa.select(silences).where(silences.c.project == project)
    if state is not None:
        query = query.where(_may_be(state, tx.now))
    query = query.order_by(*(column.desc() for column in order)).limit(limit + 1)
    found: list[Silence] = []
    # The windows of recurring silences are tested here: read on until the page is full.
    while True:
        rows = tx.run(query.where(earlier(order, after))).all()
        read = [silence_of(row) for row in rows]
        found += filter(in_phase, read)
        if len(found) > limit or len(rows) <= limit:
            return cut(
                found, limit, lambda silence: silence, lambda silence: (silence.created_at, silence.id)
            )
        after = (rows[-1].created_at, rows[-1].id)


def count_resolved_matches(
    tx: Tx, project: str, matchers: Sequence[Matcher], *, since: Instant, most: int
) -> tuple[int, bool]:
    """The number of matching incidents resolved since `since`, and whether all candidates were tested."""
    query = (
        sa.select(_labels_of_likely(matchers))
        .where(unindexed(incidents.c.project) == project, incidents.c.resolved_at >= since)
        .order_by(incidents.c.resolved_at.desc())
    )
    labels = tx.run(query.limit(most + 1)).scalars().all()
    return sum(_meets(matchers, text) for text in labels[:most]), len(labels) <= most


def _labels_of_likely(matchers: Sequence[Matcher]) -> sa.ColumnElement[str | None]:
    """The labels to test in Python, NULL if SQL already excludes a match."""
    return sa.case((may_match(matchers), incidents.c.labels))


def _meets(matchers: Sequence[Matcher], labels: str | None) -> bool:
    return labels is not None and match_all(matchers, json_value(labels))


def count_held(tx: Tx, ids: Sequence[str]) -> dict[str, int]:
    """The number of unresolved incidents that each of these silences holds."""
    query = (
        sa.select(members.c.hold_ref, sa.func.count(sa.distinct(members.c.incident)).label("n"))
        .join(incidents, incidents.c.number == members.c.incident)
        .where(
            members.c.hold_ref.in_(ids),
            members.c.held_by == HeldBy.SILENCED.value,
            incidents.c.closed == OPEN,
        )
        .group_by(members.c.hold_ref)
    )
    return {row.hold_ref: int(row.n) for row in tx.run(query)}


def met(
    tx: Tx, project: str, matchers: Sequence[Matcher], *, most: int, shown: int, url: str | None
) -> MatchedIncidents:
    """Test at most `most` incidents, and return at most `shown` of the matching ones, newest first."""
    rows, whole = _unresolved(tx, project, matchers, most)
    numbers = [row.number for row in rows if _meets(matchers, row.labels)]
    newest = sorted(numbers, reverse=True)[:shown]
    first = tx.run(with_latest().where(incidents.c.number.in_(newest)).order_by(incidents.c.number.desc()))
    return MatchedIncidents(
        matching=len(numbers),
        unresolved=len(rows),
        counted_all=whole,
        incidents=tuple(incident_of(row, url) for row in first),
    )


def _unresolved(
    tx: Tx, project: str, matchers: Sequence[Matcher], most: int
) -> tuple[Sequence[sa.Row[Any]], bool]:
    """The unresolved incidents of a project, and whether these are all; if there are too many, the newest.

    Ordered by `quiet_since`, which is the time of opening or of later activity.
    """
    rows = tx.run(
        sa.select(incidents.c.number, _labels_of_likely(matchers).label("labels"))
        # Uses the index of unresolved incidents, of which there may be a handful among a million.
        .where(
            unindexed(incidents.c.project) == project,
            incidents.c.closed == OPEN,
            incidents.c.quiet_since >= 0,
        )
        .order_by(incidents.c.quiet_since.desc())
        .limit(most + 1)
    ).all()
    return rows[:most], len(rows) <= most


def _may_be(state: Phase, now: Instant) -> sa.ColumnElement[bool]:
    over = sa.and_(silences.c.ends_at.is_not(None), silences.c.ends_at <= now)
    if state == "expired":
        return over
    begun = silences.c.starts_at <= now
    fits = begun if state == "active" else sa.or_(sa.not_(begun), silences.c.recur.is_not(None))
    return sa.and_(sa.not_(over), fits)
