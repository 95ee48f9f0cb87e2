"""The transaction of the hot path: the events of many requests in one commit."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from notifier.domain.errors import StoreFull
from notifier.domain.event import Event
from notifier.domain.state import State
from notifier.domain.time import MINUTE, Instant
from notifier.domain.value import Value, replace
from notifier.ingest import recovery
from notifier.ingest.upgrade import IdentityEvents, Upgrade, find_continued
from notifier.policy import lifecycle
from notifier.policy.lifecycle import IncidentBefore, IncidentChange
from notifier.store import figures, ledger
from notifier.store.database import Tx
from notifier.store.sizes import bytes_in_use
from notifier.store.statements import intake as statements
from notifier.store.statements.intake import EventName, Identity, Sample

OVERFLOW_TITLE = "too many distinct errors"


class StoredEvent(Value, frozen=True, kw_only=True):
    """The incident that counts an event, None if the event resolved nothing. `duplicate`: it was stored before."""

    incident_id: str | None
    duplicate: bool = False


_RESOLVED_NOTHING = StoredEvent(incident_id=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Intake:
    """A batch of events to store, with its limits.

    `keys` names the API key of each event. `remaining` is the number of incidents that each key may open; events
    beyond it are counted in one overflow incident per service. `new_id` makes time-ordered ids. `max_size` limits the
    database file, in bytes.
    """

    events: Sequence[Event]
    keys: Sequence[str]
    remaining: Mapping[str, int]
    new_id: Callable[[], str]
    max_size: int | None = None
    upgrade: Upgrade | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Committed:
    """A `StoredEvent` for each event, in order. `opened` counts new incidents by key."""

    stored: tuple[StoredEvent, ...]
    opened: Mapping[str, int]


def commit(tx: Tx, intake: Intake) -> Committed:
    """Stores a batch: ids, incidents, tallies, samples and the ledger. All of it, or nothing."""
    if intake.max_size is not None and tx.dialect == "sqlite" and bytes_in_use(tx) >= intake.max_size:
        raise StoreFull("the database has reached database.max_size")
    batch = _Batch(tx, intake)
    # Ids rarely repeat, so they are looked up only after claiming them has failed once.
    fresh = _without_duplicates(tx, intake.events, batch.stored, look_up=tx.attempt > 0)
    if batch.runs:
        recovery.lock_runs(tx, batch.runs)
    pending: Sequence[int] = fresh
    while pending:
        pending = batch.apply_round(pending)
    if batch.linked:
        recovery.count_events(tx, batch.linked)
    _claim_ids(tx, batch.events, fresh, batch.numbers)
    repeated = len(intake.events) - len(fresh)
    ledger.add(tx, {"accepted": batch.accepted, "counted": batch.counted, "duplicates": repeated})
    if len(fresh) < len(intake.events):
        batch.set_repeats(fresh)
    return Committed(stored=tuple(map(_required, batch.stored)), opened=batch.opened)


def _required(stored: StoredEvent | None) -> StoredEvent:
    assert stored is not None
    return stored


def _without_duplicates(
    tx: Tx, events: Sequence[Event], stored: list[StoredEvent | None], *, look_up: bool
) -> Sequence[int]:
    """The indexes of events that are not stored yet, without repeats inside the batch."""
    names = [(event.project, event.id) for event in events if event.id_given]
    before = statements.known_ids(tx, names) if look_up and names else {}
    if not before and len(set(names)) == len(names):
        return range(len(events))
    fresh: list[int] = []
    seen: set[EventName] = set()
    for index, event in enumerate(events):
        name = (event.project, event.id)
        if event.id_given and name in before:
            stored[index] = StoredEvent(incident_id=before[name], duplicate=True)
        elif not event.id_given or name not in seen:
            seen.add(name)
            fresh.append(index)
    return fresh


class _Batch:
    """The rounds of one batch. Several are needed if an identity is resolved and fails again within it.

    `stored`, `numbers` (of incidents) and `events` are parallel.
    """

    def __init__(self, tx: Tx, intake: Intake) -> None:
        self.tx = tx
        self.intake = intake
        self.events = list(intake.events)
        self.stored: list[StoredEvent | None] = [None] * len(self.events)
        self.numbers = [0] * len(self.events)
        self.opened: dict[str, int] = {}
        self.accepted = 0
        self.counted = 0
        self.runs = {(event.project, event.run) for event in self.events if event.run is not None}
        self.linked: Counter[tuple[str, str, int]] = Counter()
        self._overflowed: set[int] = set()

    def apply_round(self, indexes: Sequence[int]) -> list[int]:
        """Applies events to their incidents. Returns the indexes of those that belong to a following incident."""
        events = self.events
        by_identity: dict[Identity, list[int]] = {}
        for index in indexes:
            event = events[index]
            identity = (event.project, event.environment, event.fingerprint)
            own = by_identity.get(identity)
            if own is None:
                by_identity[identity] = [index]
            else:
                own.append(index)
        identities = sorted(by_identity)
        current, resolved = self._incidents(by_identity, identities)
        later: list[int] = []
        new: list[tuple[list[int], IncidentChange]] = []
        changed: list[tuple[list[int], IncidentBefore, IncidentChange]] = []
        for identity in identities:
            own = by_identity[identity]
            change = lifecycle.apply_events(
                current.get(identity), resolved.get(identity), [events[index] for index in own]
            )
            if change is None:
                for index in own:
                    self.stored[index] = _RESOLVED_NOTHING
                continue
            if change.incident is None and self._overflow(own):
                later.extend(own)
                continue
            if change.consumed < len(own):
                later.extend(own[change.consumed :])
                own = own[: change.consumed]
            if change.incident is None:
                new.append((own, change))
            else:
                changed.append((own, change.incident, change))
        self._insert(new)
        self._update(changed)
        return sorted(later)

    def _incidents(
        self, by_identity: Mapping[Identity, Sequence[int]], identities: Sequence[Identity]
    ) -> tuple[dict[Identity, IncidentBefore], dict[Identity, IncidentBefore]]:
        """The unresolved incident of each identity; and for identities without one, their newest resolved incident."""
        current = statements.open_incidents(self.tx, identities)
        resolved: dict[Identity, IncidentBefore] = {}
        missing = [identity for identity in identities if identity not in current]
        if missing:
            resolved = statements.newest_resolved(self.tx, missing)
        if self.intake.upgrade is not None and len(resolved) < len(missing):
            # In order of arrival: each earlier incident is continued once.
            unmatched = [
                IdentityEvents(identity=identity, events=[self.events[index] for index in own])
                for identity, own in by_identity.items()
                if identity not in current and identity not in resolved and own[0] not in self._overflowed
            ]
            for identity, incident in find_continued(self.tx, unmatched, self.intake.upgrade).items():
                (resolved if incident.state is State.RESOLVED else current)[identity] = incident
        return current, resolved

    def _overflow(self, own: Sequence[int]) -> bool:
        """Whether a new incident exceeds the limit. Its events then count in the service's overflow incident."""
        if own[0] in self._overflowed:
            return False
        key = self.intake.keys[own[0]]
        opened = self.opened.get(key, 0)
        if opened < self.intake.remaining[key]:
            self.opened[key] = opened + 1
            return False
        for index in own:
            self.events[index] = as_overflow(self.events[index])
            self._overflowed.add(index)
        return True

    def _insert(self, new: Sequence[tuple[list[int], IncidentChange]]) -> None:
        if not new:
            return
        ids = [self.intake.new_id() for _ in new]
        changes = [change for _, change in new]
        numbers = statements.insert_incidents(self.tx, zip(ids, changes, strict=True))
        self.counted += sum(len(change.counted) for change in changes)
        self._record([(numbers[id_], id_, own, change) for id_, (own, change) in zip(ids, new, strict=True)])
        self.tx.signal("attention")

    def _update(self, changed: Sequence[tuple[list[int], IncidentBefore, IncidentChange]]) -> None:
        if not changed:
            return
        statements.update_incidents(self.tx, [change for _, _, change in changed])
        self.counted += sum(len(change.counted) for _, _, change in changed)
        if any(change.attention for _, _, change in changed):
            self.tx.signal("attention")
        self._record([(incident.number, incident.id, own, change) for own, incident, change in changed])

    def _record(self, applied: Sequence[tuple[int, str, list[int], IncidentChange]]) -> None:
        """Writes the tallies and samples of one round, and sets each event's result."""
        minute = self.tx.now // MINUTE * MINUTE
        counts: list[tuple[int, Instant, int]] = []
        samples: list[Sample] = []
        dropped: list[tuple[int, int]] = []
        for number, id_, own, change in applied:
            answer = StoredEvent(incident_id=id_)
            for index in own:
                self.stored[index] = answer
                self.numbers[index] = number
            if not change.counted:
                continue
            self.accepted += len(change.counted)
            counts.append((number, minute, len(change.counted)))
            for event in change.counted if self.runs else ():
                if event.run is not None:
                    self.linked[event.project, event.run, number] += 1
            before = change.count_before
            if before and not lifecycle.keeps_sample(before):
                dropped.append((number, before))
            for seq in lifecycle.sample_numbers(before, before + len(change.counted)):
                event = change.counted[seq - before - 1]
                samples.append((number, seq, event.id, event.at, event.received_at, event.document))
        figures.record(self.tx, [(number, change) for number, _, _, change in applied])
        if dropped:
            statements.delete_samples(self.tx, dropped)
        if counts:
            statements.insert_samples(self.tx, samples)
            statements.add_tallies(self.tx, counts)

    def set_repeats(self, fresh: Sequence[int]) -> None:
        """Gives ids that came twice in this batch the result of their first event."""
        first = {(self.events[index].project, self.events[index].id): self.stored[index] for index in fresh}
        for index, event in enumerate(self.events):
            if self.stored[index] is None:
                origin = _required(first[event.project, event.id])
                self.stored[index] = StoredEvent(incident_id=origin.incident_id, duplicate=True)


def as_overflow(event: Event) -> Event:
    """The event as one of its service's "too many distinct errors"."""
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


def _claim_ids(tx: Tx, events: Sequence[Event], fresh: Sequence[int], numbers: Sequence[int]) -> None:
    """Stores the senders' ids. A known id makes the transaction run again, now with a look-up."""
    ids = [
        (events[index].project, events[index].id, numbers[index], tx.now)
        for index in fresh
        if events[index].id_given
    ]
    if ids:
        statements.claim_ids(tx, ids)
