"""The hot path's transaction: many requests' events, one commit."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache

from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from notifier.domain.event import Event, Severity
from notifier.domain.incident import State
from notifier.domain.time import MINUTE
from notifier.policy import lifecycle
from notifier.policy.lifecycle import Fold, Standing
from notifier.store import ledger
from notifier.store.database import Dialect, LostRace, Tx
from notifier.store.rows import pack, unfold
from notifier.store.schema import OPEN, Big, event_ids, events, incidents, tallies

Text = sa.Text()
Identity = tuple[str, str, str]

OVERFLOW_TITLE = "too many distinct errors"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """What became of one event: the incident that counts it (None: a resolution of nothing)."""

    incident_id: str | None
    duplicate: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Intake:
    """A batch, and what it may do.

    `keys` names the API key of each event; `room` is how many new incidents each key may still open now: further new
    causes are counted on one incident of their service. `new_id` makes time-ordered ids.
    """

    events: Sequence[Event]
    keys: Sequence[str]
    room: Mapping[str, int]
    new_id: Callable[[], str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Committed:
    """One `Stored` per event, in order; `opened` counts new incidents by key."""

    stored: tuple[Stored, ...]
    opened: Mapping[str, int]


def commit(tx: Tx, intake: Intake) -> Committed:
    """Store a batch: ids, incidents, tallies, samples and the ledger. All of it, or nothing."""
    stored: list[Stored | None] = [None] * len(intake.events)
    fresh = _without_duplicates(tx, intake.events, stored)
    work = _Work(tx, intake, stored)
    pending = fresh
    while pending:
        pending = work.round(pending)
    _claim_ids(tx, intake.events, fresh, work.numbers)
    work.finish(duplicates=len(intake.events) - len(fresh))
    for index, first in work.echoes(intake.events, fresh):
        stored[index] = Stored(incident_id=_known(stored[first]).incident_id, duplicate=True)
    return Committed(stored=tuple(map(_known, stored)), opened=work.opened)


def _known(stored: Stored | None) -> Stored:
    assert stored is not None
    return stored


def _without_duplicates(tx: Tx, batch: Sequence[Event], stored: list[Stored | None]) -> list[int]:
    """The indexes of events that were not stored before; a repeat inside the batch is left out, too."""
    given = [(event.project, event.id) for event in batch if event.id_given]
    if not given:
        return list(range(len(batch)))
    known = {
        (row.project, row.event_id): row.incident_id for row in _execute(tx, _find_ids, {"ids": pack(given)})
    }
    fresh: list[int] = []
    seen: set[tuple[str, str]] = set()
    for index, event in enumerate(batch):
        key = (event.project, event.id)
        if event.id_given and key in known:
            stored[index] = Stored(incident_id=known[key], duplicate=True)
        elif not event.id_given or key not in seen:
            seen.add(key)
            fresh.append(index)
    return fresh


class _Work:
    """The rounds of one batch. More than one is needed only where an identity is resolved and fails again within it."""

    def __init__(self, tx: Tx, intake: Intake, stored: list[Stored | None]) -> None:
        self.tx = tx
        self.intake = intake
        self.stored = stored
        self.opened: dict[str, int] = {}
        self.numbers: dict[int, int] = {}
        self.accepted = 0
        self._overflowed: dict[int, Event] = {}

    def event(self, index: int) -> Event:
        return self._overflowed.get(index) or self.intake.events[index]

    def round(self, indexes: Sequence[int]) -> list[int]:
        """Apply one fold per identity; returns the events that belong to what follows."""
        runs: dict[Identity, list[int]] = {}
        for index in indexes:
            event = self.event(index)
            runs.setdefault((event.project, event.environment, event.fingerprint), []).append(index)
        standing = _standing(self.tx, sorted(runs))
        later: list[int] = []
        new: list[tuple[list[int], Fold]] = []
        changed: list[tuple[list[int], Fold]] = []
        for identity in sorted(runs):
            run = runs[identity]
            fold = lifecycle.fold(*standing.get(identity, (None, None)), [self.event(index) for index in run])
            if fold is None:
                for index in run:
                    self.stored[index] = Stored(incident_id=None)
                    self.numbers[index] = 0
                continue
            if fold.standing is None and self._overflow(run):
                later.extend(run)
                continue
            later.extend(run[fold.taken :])
            (new if fold.standing is None else changed).append((run[: fold.taken], fold))
        later.extend(self._insert(new))
        self._update(changed)
        return sorted(later)

    def _overflow(self, run: Sequence[int]) -> bool:
        """Whether a new cause is one too many; its events are then counted on their service's one incident."""
        if run[0] in self._overflowed:
            return False
        key = self.intake.keys[run[0]]
        opened = self.opened.get(key, 0)
        if opened < self.intake.room[key]:
            self.opened[key] = opened + 1
            return False
        for index in run:
            self._overflowed[index] = overflowing(self.event(index))
        return True

    def _insert(self, new: Sequence[tuple[list[int], Fold]]) -> list[int]:
        if not new:
            return []
        now = self.tx.now
        made = [(self.intake.new_id(), run, fold) for run, fold in new]
        rows = []
        for id_, run, fold in made:
            first = self.event(
                run[-1]
                if len(run) == 1
                else run[next(i for i, r in enumerate(run) if self.event(r).status == "firing")]
            )
            rows.append((
                id_, first.project, first.environment, first.fingerprint, OPEN, fold.state.value, first.title,
                fold.severity.value, json.dumps(dict(fold.labels), ensure_ascii=False), json.dumps(fold.varying),
                len(fold.counted), 0, now, fold.first_seen, fold.last_seen, fold.previous_id, now, 0, 0,
                fold.last_seen,
            ))  # fmt: skip
        numbers = {
            row.id: row.number for row in _execute(self.tx, _insert_incidents, {"incidents": pack(rows)})
        }
        if len(numbers) < len(made):
            raise LostRace
        self._record([(numbers[id_], id_, run, fold) for id_, run, fold in made])
        self.tx.signal("attention")
        return []

    def _update(self, changed: Sequence[tuple[list[int], Fold]]) -> None:
        if not changed:
            return
        now = self.tx.now
        rows = []
        for _, fold in changed:
            one = _of(fold)
            resolved = fold.change == "resolved"
            rows.append((
                one.number, fold.state.value, one.number if fold.state is State.RESOLVED else OPEN, fold.severity.value,
                json.dumps(dict(fold.labels), ensure_ascii=False), json.dumps(fold.varying),
                one.count + len(fold.counted), one.late + fold.late, fold.first_seen, fold.last_seen,
                fold.resolved_at, "event" if resolved else None, now if fold.attention else None,
            ))  # fmt: skip
            if fold.attention:
                self.tx.signal("attention")
        _execute(self.tx, _update_incidents, {"incidents": pack(rows)})
        self._record([(_of(fold).number, _of(fold).id, run, fold) for run, fold in changed])

    def _record(self, folded: Sequence[tuple[int, str, list[int], Fold]]) -> None:
        """Tallies and samples of one round, and each event's answer."""
        minute = self.tx.now // MINUTE * MINUTE
        counts: list[tuple[int, int, int]] = []
        samples: list[tuple[object, ...]] = []
        dropped: list[tuple[int, int]] = []
        for number, id_, run, fold in folded:
            answer = Stored(incident_id=id_)
            for index in run:
                self.stored[index] = answer
                self.numbers[index] = number
            if not fold.counted:
                continue
            self.accepted += len(fold.counted)
            counts.append((number, minute, len(fold.counted)))
            if fold.before and not lifecycle.kept(fold.before):
                dropped.append((number, fold.before))
            last = fold.before + len(fold.counted)
            for seq, event in enumerate(fold.counted, fold.before + 1):
                if seq == last or lifecycle.kept(seq):
                    samples.append((number, seq, event.id, event.at, event.received_at, event.document))
        if dropped:
            _execute(self.tx, _delete_events, {"dropped": pack(dropped)})
        if counts:
            _execute(self.tx, _insert_events, {"events": pack(samples)})
            _execute(self.tx, _upsert_tallies, {"tallies": pack(counts)})

    def finish(self, *, duplicates: int) -> None:
        ledger.add(self.tx, {"accepted": self.accepted, "duplicates": duplicates})

    def echoes(self, batch: Sequence[Event], fresh: Sequence[int]) -> list[tuple[int, int]]:
        """(repeat, first) for ids that came twice in this batch."""
        if len(fresh) == len(batch):
            return []
        first = {(batch[index].project, batch[index].id): index for index in fresh}
        return [
            (index, first[event.project, event.id])
            for index, event in enumerate(batch)
            if self.stored[index] is None
        ]


def _of(fold: Fold) -> Standing:
    assert fold.standing is not None
    return fold.standing


def overflowing(event: Event) -> Event:
    """The event as an occurrence of its service's "too many distinct errors"."""
    return replace(
        event,
        fingerprint=f"overflow:{event.service}"[:128],
        title=f"{OVERFLOW_TITLE} in {event.service}"[:200],
        labels={
            name: value
            for name, value in event.labels.items()
            if name in {"project", "service", "environment", "severity"}
        },
    )


def _standing(
    tx: Tx, identities: Sequence[Identity]
) -> dict[Identity, tuple[Standing | None, Standing | None]]:
    """Per identity: the incident that is not resolved, or else the newest resolved one."""
    found: dict[Identity, tuple[Standing | None, Standing | None]] = {}
    for row in _execute(tx, _find_open, {"identities": pack(identities)}):
        found[row.project, row.environment, row.fingerprint] = (_standing_of(row), None)
    missing = [identity for identity in identities if identity not in found]
    if missing:
        for row in _execute(tx, _find_resolved, {"identities": pack(missing)}):
            found[row.project, row.environment, row.fingerprint] = (None, _standing_of(row))
    return found


def _standing_of(row: Any) -> Standing:
    return Standing(
        number=row.number,
        id=row.id,
        state=State(row.state),
        severity=Severity(row.severity),
        labels=json.loads(row.labels),
        varying=tuple(json.loads(row.varying)),
        count=row.count,
        late=row.late,
        first_seen=row.first_seen,
        last_seen=row.last_seen,
        resolved_at=row.resolved_at,
        waiting=bool(row.waiting),
    )


def _claim_ids(tx: Tx, batch: Sequence[Event], fresh: Sequence[int], numbers: Mapping[int, int]) -> None:
    """Remember the senders' ids. A replica that stored one of them meanwhile has won: run again and see its answer."""
    rows = [
        (batch[index].project, batch[index].id, numbers[index], tx.now)
        for index in fresh
        if batch[index].id_given
    ]
    if rows and _execute(tx, _insert_ids, {"ids": pack(rows)}).rowcount < len(rows):
        raise LostRace


# The statements, compiled once per engine: the compiler would cost more than the engine on this path.


def _execute(
    tx: Tx, build: Callable[[Dialect], sa.ClauseElement], parameters: Mapping[str, object]
) -> sa.CursorResult[Any]:
    text, names, fixed = _compiled(build, tx.dialect)
    return tx.conn.exec_driver_sql(
        text, tuple(parameters[name] if name in parameters else fixed[name] for name in names)
    )


@cache
def _compiled(
    build: Callable[[Dialect], sa.ClauseElement], dialect: Dialect
) -> tuple[str, tuple[str, ...], Mapping[str, object]]:
    engine: Any = sqlite.dialect() if dialect == "sqlite" else postgresql.asyncpg.dialect()  # type: ignore[no-untyped-call]
    compiled: Any = build(dialect).compile(dialect=engine, compile_kwargs={"render_postcompile": True})
    return str(compiled), tuple(compiled.positiontup or ()), compiled.params


_IDENTITY = [("project", Text), ("environment", Text), ("fingerprint", Text)]
_STANDING = (
    incidents.c.project, incidents.c.environment, incidents.c.fingerprint, incidents.c.number, incidents.c.id,
    incidents.c.state, incidents.c.severity, incidents.c.labels, incidents.c.varying, incidents.c.count,
    incidents.c.late, incidents.c.first_seen, incidents.c.last_seen, incidents.c.resolved_at, incidents.c.waiting,
)  # fmt: skip


def _is(rows: sa.Subquery) -> sa.ColumnElement[bool]:
    return sa.and_(
        incidents.c.project == rows.c.project,
        incidents.c.environment == rows.c.environment,
        incidents.c.fingerprint == rows.c.fingerprint,
    )


def _find_ids(dialect: Dialect) -> sa.ClauseElement:
    rows = unfold(dialect, "ids", [("project", Text), ("id", Text)])
    found = sa.and_(event_ids.c.project == rows.c.project, event_ids.c.id == rows.c.id)
    return sa.select(
        event_ids.c.project, event_ids.c.id.label("event_id"), incidents.c.id.label("incident_id")
    ).select_from(
        rows.join(event_ids, found).outerjoin(incidents, incidents.c.number == event_ids.c.incident)
    )


def _find_open(dialect: Dialect) -> sa.ClauseElement:
    rows = unfold(dialect, "identities", _IDENTITY)
    found = sa.select(*_STANDING).select_from(
        rows.join(incidents, sa.and_(_is(rows), incidents.c.closed == OPEN))
    )
    return found if dialect == "sqlite" else found.order_by(*_STANDING[:3]).with_for_update(of=incidents)


def _find_resolved(dialect: Dialect) -> sa.ClauseElement:
    rows = unfold(dialect, "identities", _IDENTITY)
    newest = sa.select(sa.func.max(incidents.c.closed)).where(_is(rows)).correlate(rows).scalar_subquery()
    one = sa.and_(_is(rows), incidents.c.closed == newest, incidents.c.closed > OPEN)
    found = sa.select(*_STANDING).select_from(rows.join(incidents, one))
    return found if dialect == "sqlite" else found.order_by(*_STANDING[:3]).with_for_update(of=incidents)


_NEW = [
    incidents.c.id, incidents.c.project, incidents.c.environment, incidents.c.fingerprint, incidents.c.closed,
    incidents.c.state, incidents.c.title, incidents.c.severity, incidents.c.labels, incidents.c.varying,
    incidents.c.count, incidents.c.late, incidents.c.opened_at, incidents.c.first_seen, incidents.c.last_seen,
    incidents.c.previous_id, incidents.c.attention_at, incidents.c.waiting, incidents.c.routed, incidents.c.quiet_since,
]  # fmt: skip


def _insert_incidents(dialect: Dialect) -> sa.ClauseElement:
    rows = unfold(dialect, "incidents", [(column.name, column.type) for column in _NEW])
    # `WHERE true` keeps SQLite from reading ON CONFLICT as a join's ON.
    chosen = sa.select(*rows.c).where(sa.true())
    insert = _insert(dialect, incidents).from_select(
        [column.name for column in _NEW], chosen, include_defaults=False
    )
    return insert.on_conflict_do_nothing().returning(incidents.c.number, incidents.c.id)


def _update_incidents(dialect: Dialect) -> sa.ClauseElement:
    names = [
        "number", "state", "closed", "severity", "labels", "varying", "count", "late", "first_seen", "last_seen",
        "resolved_at", "resolved_by", "attention_at",
    ]  # fmt: skip
    rows = unfold(dialect, "incidents", [(name, incidents.c[name].type) for name in names])
    values = {name: rows.c[name] for name in names[1:-2]}
    return (
        sa.update(incidents)
        .values(
            **values,
            resolved_by=sa.func.coalesce(rows.c.resolved_by, incidents.c.resolved_by),
            attention_at=sa.func.coalesce(incidents.c.attention_at, rows.c.attention_at),
            waiting=sa.case((rows.c.attention_at.is_not(None), 0), else_=incidents.c.waiting),
        )
        .where(incidents.c.number == rows.c.number)
    )


def _insert_events(dialect: Dialect) -> sa.ClauseElement:
    rows = unfold(dialect, "events", [(column.name, column.type) for column in events.c])
    return sa.insert(events).from_select([column.name for column in events.c], sa.select(*rows.c))


def _delete_events(dialect: Dialect) -> sa.ClauseElement:
    rows = unfold(dialect, "dropped", [("incident", Big), ("seq", Big)])
    pairs = sa.tuple_(events.c.incident, events.c.seq)
    return sa.delete(events).where(pairs.in_(sa.select(rows.c.incident, rows.c.seq)))


def _insert_ids(dialect: Dialect) -> sa.ClauseElement:
    rows = unfold(dialect, "ids", [(column.name, column.type) for column in event_ids.c])
    chosen = sa.select(*rows.c).where(sa.true())
    return (
        _insert(dialect, event_ids)
        .from_select([c.name for c in event_ids.c], chosen)
        .on_conflict_do_nothing()
    )


def _upsert_tallies(dialect: Dialect) -> sa.ClauseElement:
    rows = unfold(dialect, "tallies", [("incident", Big), ("minute", Big), ("n", Big)])
    summed = (
        sa.select(rows.c.incident, rows.c.minute, sa.cast(sa.func.sum(rows.c.n), Big))
        .where(sa.true())
        .group_by(rows.c.incident, rows.c.minute)
    )
    insert = _insert(dialect, tallies).from_select(["incident", "minute", "n"], summed)
    return insert.on_conflict_do_update(
        index_elements=["incident", "minute"], set_={"n": tallies.c.n + insert.excluded.n}
    )


def _insert(dialect: Dialect, table: sa.Table) -> sqlite.Insert:
    """Both engines' INSERT ... ON CONFLICT; typed as one of the two, which spell it alike."""
    return sqlite.insert(table) if dialect == "sqlite" else postgresql.insert(table)  # type: ignore[return-value]
