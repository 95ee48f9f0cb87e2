"""Silences: the active ones for flushes, and changes by people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from notifier.domain.calendar import Hours, Weekly
from notifier.domain.matcher import parse
from notifier.domain.silence import Silence
from notifier.domain.time import Instant
from notifier.policy.muting import SilenceIndex
from notifier.store.compiled import execute, insert, update, upsert
from notifier.store.database import Dialect, Tx
from notifier.store.json_rows import json_text, json_value
from notifier.store.schema import Big, groups, instance, members, silences


class ActiveSilences:
    """A cache of all silences that have not ended, refreshed when one changes. One per process."""

    def __init__(self) -> None:
        self._version: int | None = None
        self._read: dict[str, tuple[tuple[Any, ...], Silence]] = {}
        self._index = SilenceIndex()

    def index(self, tx: Tx) -> SilenceIndex:
        """The index of silences. On PostgreSQL, changes to silences wait until this transaction has committed.

        Whoever ends a silence therefore finds everything that was held because of it.
        """
        version = execute(tx, _version, {"name": VERSION}).scalar()
        if version is None or version != self._version:
            rows = execute(tx, _active, {"now": tx.now}).all()
            # Matchers are compiled once, and not again when another silence changes.
            now_read: dict[str, tuple[tuple[Any, ...], Silence]] = {}
            for row in rows:
                cells, read = tuple(row), self._read.get(row.id)
                now_read[row.id] = read if read is not None and read[0] == cells else (cells, silence_of(row))
            self._read = now_read
            self._index = SilenceIndex(silence for _, silence in self._read.values())
            self._version = version
        return self._index


VERSION = "silences"
"""The row of `instance` that counts changes; it exists if there is any silence."""


def _version(_dialect: Dialect) -> sa.ClauseElement:
    named = instance.c.name == sa.bindparam("name", type_=sa.Text())
    return sa.select(instance.c.at).where(named).with_for_update(read=True)


def _active(_dialect: Dialect) -> sa.ClauseElement:
    now = sa.bindparam("now", type_=Big)
    return (
        sa.select(silences)
        .where(sa.or_(silences.c.ends_at.is_(None), silences.c.ends_at > now))
        .order_by(silences.c.id)
    )


def _count_change(tx: Tx) -> None:
    counting = upsert(tx.dialect, instance).values(name=VERSION, at=1)
    tx.run(counting.on_conflict_do_update(index_elements=["name"], set_={"at": instance.c.at + 1}))


def get(tx: Tx, id_: str) -> Silence | None:
    """The silence with this id, even if it has ended."""
    row = tx.run(sa.select(silences).where(silences.c.id == id_)).one_or_none()
    return None if row is None else silence_of(row)


def latest(tx: Tx, project: str, *, ended_since: Instant, most: int) -> tuple[Silence, ...]:
    """The newest silences of a project that have not ended before `ended_since`."""
    query = (
        sa.select(silences)
        .where(
            silences.c.project == project,
            sa.or_(silences.c.ends_at.is_(None), silences.c.ends_at > ended_since),
        )
        .order_by(silences.c.created_at.desc(), silences.c.id.desc())
        .limit(most)
    )
    return tuple(map(silence_of, tx.run(query)))


def lock(tx: Tx, id_: str) -> Silence | None:
    """Lock the silence with this id; a concurrent change waits.

    Its groups are locked first, since flushes lock groups before silences; another order could deadlock.
    """
    _lock_groups(tx, id_)
    row = tx.run(sa.select(silences).where(silences.c.id == id_).with_for_update()).one_or_none()
    return None if row is None else silence_of(row)


def add(tx: Tx, silence: Silence) -> None:
    insert(tx, silences, [{"id": silence.id, "project": silence.project, **_values(silence)}])
    _count_change(tx)


def change(tx: Tx, silence: Silence) -> None:
    """Update a silence that `lock` has locked. On PostgreSQL this waits for flushes that are using it."""
    update(tx, silences, {"id": silence.id}, _values(silence))
    _count_change(tx)


def _values(silence: Silence) -> dict[str, object]:
    return {
        "matchers": json_text([str(matcher) for matcher in silence.matchers]),
        "starts_at": silence.starts_at,
        "ends_at": silence.ends_at,
        "recur": None if silence.recur is None else json_text(_packed(silence.recur)),
        "author": silence.author,
        "comment": silence.comment,
        "created_at": silence.created_at,
        "created_by": silence.created_by,
    }


def remove(tx: Tx, ids: Sequence[str]) -> None:
    """Delete silences; the members they held are decided again."""
    for id_ in ids:
        release(tx, id_)
    if ids:
        tx.run(sa.delete(silences).where(silences.c.id.in_(ids)))
        _count_change(tx)


def release(tx: Tx, ref: str) -> int:
    """Have all members decided again that `ref` holds: a silence, or an inhibiting incident. Returns how many."""
    _lock_groups(tx, ref)
    held = execute(tx, _look_again, {"ref": ref, "now": tx.now}).rowcount
    if held:
        execute(tx, _make_groups_due, {"ref": ref, "now": tx.now})
        tx.signal("groups")
    return held


def _lock_groups(tx: Tx, ref: str) -> None:
    """Lock the groups of the members first, in the same order as a flush."""
    if tx.dialect == "postgresql":
        execute(tx, _holding, {"ref": ref}).all()


# Subqueries instead of lists of ids: a silence may hold more groups than a statement can take parameters.
def _groups_of_ref() -> sa.ColumnElement[bool]:
    return groups.c.id.in_(sa.select(members.c.group_id).where(_held_by_ref()))


def _held_by_ref() -> sa.ColumnElement[bool]:
    return members.c.hold_ref == sa.bindparam("ref", type_=sa.Text())


def _holding(_dialect: Dialect) -> sa.ClauseElement:
    return sa.select(groups.c.id).where(_groups_of_ref()).order_by(groups.c.id).with_for_update()


def _look_again(_dialect: Dialect) -> sa.ClauseElement:
    return sa.update(members).where(_held_by_ref()).values(repeat_at=sa.bindparam("now", type_=Big))


def _make_groups_due(_dialect: Dialect) -> sa.ClauseElement:
    now = sa.bindparam("now", type_=Big)
    later = sa.or_(groups.c.due_at.is_(None), groups.c.due_at > now)
    return sa.update(groups).where(_groups_of_ref(), later).values(due_at=now)


def silence_of(row: Any) -> Silence:
    return Silence(
        id=row.id,
        project=row.project,
        matchers=tuple(parse(text) for text in json_value(row.matchers)),
        starts_at=row.starts_at,
        ends_at=row.ends_at,
        recur=None if row.recur is None else _weekly(json_value(row.recur)),
        author=row.author,
        comment=row.comment,
        created_at=row.created_at,
        created_by=row.created_by,
    )


def _packed(window: Weekly) -> Mapping[str, object]:
    times = [(hours.start, hours.end) for hours in window.times]
    dated = {"days_of_month": window.days_of_month, "months": window.months, "years": window.years}
    return {
        "weekdays": window.weekdays,
        "times": times,
        "location": window.location,
        **{name: ranges for name, ranges in dated.items() if ranges},
    }


def _weekly(document: dict[str, Any]) -> Weekly:
    return Weekly(
        weekdays=tuple(document["weekdays"]),
        times=tuple(Hours(start=start, end=end) for start, end in document["times"]),
        location=document["location"],
        days_of_month=tuple((first, last) for first, last in document.get("days_of_month", ())),
        months=tuple(document.get("months", ())),
        years=tuple((first, last) for first, last in document.get("years", ())),
    )
