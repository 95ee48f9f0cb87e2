"""The hot path's transaction: many requests' events, one commit."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import msgspec

from notifier.domain.errors import StoreFull
from notifier.domain.event import Event, Severity
from notifier.domain.incident import State
from notifier.domain.time import MINUTE
from notifier.policy import lifecycle
from notifier.policy.fingerprint import VERSION
from notifier.policy.lifecycle import IncidentBefore, IncidentChange
from notifier.store import ledger
from notifier.store.compiled import execute
from notifier.store.database import SerializationConflict, Tx
from notifier.store.intake.statements import (
    delete_events,
    find_ids,
    find_open,
    find_resolved,
    insert_events,
    insert_ids,
    insert_incidents,
    update_incidents,
    upsert_tallies,
)
from notifier.store.intake.upgrade import Claim, Upgrade, taken_over
from notifier.store.json_rows import encode_rows, json_text
from notifier.store.schema import OPEN
from notifier.store.sizes import bytes_in_use
from notifier.store.task_runs import links

Identity = tuple[str, str, str]


_decode = msgspec.json.Decoder().decode
OVERFLOW_TITLE = "too many distinct errors"
_NOTHING: tuple[IncidentBefore | None, IncidentBefore | None] = (None, None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """What became of one event: the incident that counts it (None: a resolution of nothing)."""

    incident_id: str | None
    duplicate: bool = False


_RESOLVED_NOTHING = Stored(incident_id=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Intake:
    """A batch, and what it may do.

    `keys` names the API key of each event; `room` is how many new incidents each key may still open now: further new
    causes are counted on one incident of their service. `new_id` makes time-ordered ids. `max_size` bounds the file,
    in bytes.
    """

    events: Sequence[Event]
    keys: Sequence[str]
    room: Mapping[str, int]
    new_id: Callable[[], str]
    max_size: int | None = None
    upgrade: Upgrade | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Committed:
    """One `Stored` per event, in order; `opened` counts new incidents by key."""

    stored: tuple[Stored, ...]
    opened: Mapping[str, int]


def commit(tx: Tx, intake: Intake) -> Committed:
    """Store a batch: ids, incidents, tallies, samples and the ledger. All of it, or nothing."""
    if intake.max_size is not None and tx.dialect == "sqlite" and bytes_in_use(tx) >= intake.max_size:
        raise StoreFull("the database has reached database.max_size")
    work = _Work(tx, intake)
    # Ids repeat only after an unanswered request: they are looked up when claiming them has failed once.
    fresh = _without_duplicates(tx, intake.events, work.stored, look_up=tx.attempt > 0)
    if work.runs:
        links.expect(tx, work.runs)
    pending: Sequence[int] = fresh
    while pending:
        pending = work.round(pending)
    if work.linked:
        links.count(tx, work.linked)
    _claim_ids(tx, work.events, fresh, work.numbers)
    ledger.add(tx, {"accepted": work.accepted, "duplicates": len(intake.events) - len(fresh)})
    if len(fresh) < len(intake.events):
        work.echo(fresh)
    return Committed(stored=tuple(map(_known, work.stored)), opened=work.opened)


def _known(stored: Stored | None) -> Stored:
    assert stored is not None
    return stored


def _without_duplicates(
    tx: Tx, batch: Sequence[Event], stored: list[Stored | None], *, look_up: bool
) -> Sequence[int]:
    """The indexes of events that were not stored before; a repeat inside the batch is left out, too."""
    keys = [(event.project, event.id) for event in batch if event.id_given]
    known: dict[tuple[str, str], str | None] = {}
    if look_up and keys:
        rows = execute(tx, find_ids, {"ids": encode_rows(keys)})
        known = {(row.project, row.event_id): row.incident_id for row in rows}
    if not known and len(set(keys)) == len(keys):
        return range(len(batch))
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

    def __init__(self, tx: Tx, intake: Intake) -> None:
        self.tx = tx
        self.intake = intake
        self.events = list(intake.events)
        self.stored: list[Stored | None] = [None] * len(self.events)
        self.numbers = [0] * len(self.events)
        self.opened: dict[str, int] = {}
        self.accepted = 0
        self.runs = {(event.project, event.run) for event in self.events if event.run is not None}
        self.linked: Counter[tuple[str, str, int]] = Counter()
        self._overflowed: set[int] = set()

    def round(self, indexes: Sequence[int]) -> list[int]:
        """Apply the events of each identity to its incident; returns those that belong to the incident that follows."""
        events = self.events
        runs: dict[Identity, list[int]] = {}
        for index in indexes:
            event = events[index]
            identity = (event.project, event.environment, event.fingerprint)
            run = runs.get(identity)
            if run is None:
                runs[identity] = [index]
            else:
                run.append(index)
        identities = sorted(runs)
        incidents = _incidents(self.tx, identities)
        if self.intake.upgrade is not None and len(incidents) < len(identities):
            incidents |= self._continued(self.intake.upgrade, runs, incidents)
        later: list[int] = []
        new: list[tuple[list[int], IncidentChange]] = []
        changed: list[tuple[list[int], IncidentChange]] = []
        for identity in identities:
            run = runs[identity]
            current, resolved = incidents.get(identity, _NOTHING)
            change = lifecycle.apply_events(current, resolved, [events[index] for index in run])
            if change is None:
                for index in run:
                    self.stored[index] = _RESOLVED_NOTHING
                continue
            if change.incident is None and self._overflow(run):
                later.extend(run)
                continue
            if change.consumed < len(run):
                later.extend(run[change.consumed :])
                run = run[: change.consumed]
            (new if change.incident is None else changed).append((run, change))
        self._insert(new)
        self._update(changed)
        return sorted(later)

    def _continued(
        self, upgrade: Upgrade, runs: Mapping[Identity, Sequence[int]], incidents: Mapping[Identity, object]
    ) -> dict[Identity, tuple[IncidentBefore | None, IncidentBefore | None]]:
        """New identities that go on incidents which the first rules had told apart; the first to come is first."""
        missing = [one for one in runs if one not in incidents and runs[one][0] not in self._overflowed]
        claims = [Claim(identity=one, events=[self.events[i] for i in runs[one]]) for one in missing]
        rows = taken_over(self.tx, claims, upgrade)
        return {identity: _side(_incident_of(row)) for identity, row in rows.items()}

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
            self.events[index] = overflowing(self.events[index])
            self._overflowed.add(index)
        return True

    def _insert(self, new: Sequence[tuple[list[int], IncidentChange]]) -> None:
        if not new:
            return
        now = self.tx.now
        made = [(self.intake.new_id(), run, change) for run, change in new]
        rows = []
        for id_, _, change in made:
            first = change.counted[0]
            rows.append((
                id_, first.project, first.environment, first.fingerprint, OPEN, change.state.value, first.title,
                change.severity.value, json_text(change.labels), json_text(change.varying) if change.varying else "[]",
                len(change.counted), 0, now, change.first_seen, change.last_seen, change.previous_id, now, 0, 0,
                change.last_seen, VERSION,
            ))  # fmt: skip
        numbers = {
            row.id: row.number for row in execute(self.tx, insert_incidents, {"incidents": encode_rows(rows)})
        }
        if len(numbers) < len(made):
            raise SerializationConflict
        self._record([(numbers[id_], id_, run, change) for id_, run, change in made])
        self.tx.signal("attention")

    def _update(self, changed: Sequence[tuple[list[int], IncidentChange]]) -> None:
        if not changed:
            return
        now = self.tx.now
        rows = []
        for _, change in changed:
            one = _of(change)
            resolved = change.kind == "resolved"
            rows.append((
                one.number, change.state.value, one.number if change.state is State.RESOLVED else OPEN,
                change.severity.value, json_text(change.labels), json_text(change.varying),
                one.count + len(change.counted), one.late + change.late, change.first_seen, change.last_seen,
                change.resolved_at, "event" if resolved else None, now if change.attention else None,
            ))  # fmt: skip
            if change.attention:
                self.tx.signal("attention")
        execute(self.tx, update_incidents, {"incidents": encode_rows(rows)})
        self._record([(_of(change).number, _of(change).id, run, change) for run, change in changed])

    def _record(self, folded: Sequence[tuple[int, str, list[int], IncidentChange]]) -> None:
        """Tallies and samples of one round, and each event's answer."""
        minute = self.tx.now // MINUTE * MINUTE
        counts: list[tuple[int, int, int]] = []
        samples: list[tuple[object, ...]] = []
        dropped: list[tuple[int, int]] = []
        for number, id_, run, change in folded:
            answer = Stored(incident_id=id_)
            for index in run:
                self.stored[index] = answer
                self.numbers[index] = number
            if not change.counted:
                continue
            self.accepted += len(change.counted)
            counts.append((number, minute, len(change.counted)))
            for event in change.counted if self.runs else ():
                if event.run is not None:
                    self.linked[event.project, event.run, number] += 1
            if change.count_before and not lifecycle.keeps_sample(change.count_before):
                dropped.append((number, change.count_before))
            last = change.count_before + len(change.counted)
            for seq in lifecycle.sample_numbers(change.count_before, last):
                event = change.counted[seq - change.count_before - 1]
                samples.append((number, seq, event.id, event.at, event.received_at, event.document))
        if dropped:
            execute(self.tx, delete_events, {"dropped": encode_rows(dropped)})
        if counts:
            execute(self.tx, insert_events, {"events": encode_rows(samples)})
            execute(self.tx, upsert_tallies, {"tallies": encode_rows(counts)})

    def echo(self, fresh: Sequence[int]) -> None:
        """Answer ids that came twice in this batch with what became of the first."""
        first = {(self.events[index].project, self.events[index].id): self.stored[index] for index in fresh}
        for index, event in enumerate(self.events):
            if self.stored[index] is None:
                origin = _known(first[event.project, event.id])
                self.stored[index] = Stored(incident_id=origin.incident_id, duplicate=True)


def _of(change: IncidentChange) -> IncidentBefore:
    assert change.incident is not None
    return change.incident


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


def _incidents(
    tx: Tx, identities: Sequence[Identity]
) -> dict[Identity, tuple[IncidentBefore | None, IncidentBefore | None]]:
    """Per identity: the incident that is not resolved, or else the newest resolved one."""
    found: dict[Identity, tuple[IncidentBefore | None, IncidentBefore | None]] = {}
    for row in execute(tx, find_open, {"identities": encode_rows(identities)}):
        found[row.project, row.environment, row.fingerprint] = (_incident_of(row), None)
    missing = [identity for identity in identities if identity not in found]
    if missing:
        for row in execute(tx, find_resolved, {"identities": encode_rows(missing)}):
            found[row.project, row.environment, row.fingerprint] = (None, _incident_of(row))
    return found


def _side(incident: IncidentBefore) -> tuple[IncidentBefore | None, IncidentBefore | None]:
    return (None, incident) if incident.state is State.RESOLVED else (incident, None)


def _incident_of(row: Any) -> IncidentBefore:
    return IncidentBefore(
        number=row.number,
        id=row.id,
        state=State(row.state),
        severity=Severity(row.severity),
        labels=_decode(row.labels),
        varying=() if row.varying == "[]" else tuple(_decode(row.varying)),
        count=row.count,
        late=row.late,
        first_seen=row.first_seen,
        last_seen=row.last_seen,
        resolved_at=row.resolved_at,
        waiting=bool(row.waiting),
    )


def _claim_ids(tx: Tx, batch: Sequence[Event], fresh: Sequence[int], numbers: Sequence[int]) -> None:
    """Remember the senders' ids. One that is known by now means: run again, look it up, and give its first answer."""
    rows = [
        (batch[index].project, batch[index].id, numbers[index], tx.now)
        for index in fresh
        if batch[index].id_given
    ]
    if rows and execute(tx, insert_ids, {"ids": encode_rows(rows)}).rowcount < len(rows):
        raise SerializationConflict
