"""One action on many incidents, in one transaction. Those that do not allow it are returned with reasons."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal, Protocol

from notifier.domain.state import State
from notifier.domain.time import Instant
from notifier.oncall import actions, effects, search
from notifier.oncall.actor import Actor
from notifier.oncall.errors import Unreadable
from notifier.oncall.names import exact_ids
from notifier.policy.acts import LockedIncident, in_force
from notifier.store import views
from notifier.store.database import Database, Tx
from notifier.store.incidents import lock_all
from notifier.wording import audit_details

MAX_INCIDENTS = 1_000
MAX_CONFIRMED = 20_000
"""The limit for a person on a page, who cannot narrow down a storm."""

SkipReason = Literal["unknown", "resolved", "already", "taken"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SkippedIncident:
    """An incident that was skipped. `id` is the name that the caller gave, or its id."""

    id: str
    reason: SkipReason


@dataclass(frozen=True, slots=True, kw_only=True)
class BulkOutcome:
    """The number of incidents that were changed, and those that were skipped."""

    done: int
    skipped: tuple[SkippedIncident, ...]


class BulkAction(Protocol):
    """An action on each incident. `name` and `detail` are stored in the audit."""

    @property
    def name(self) -> str: ...
    @property
    def detail(self) -> str | None: ...
    def check(self, now: Instant) -> None: ...
    def refused(self, incident: LockedIncident, by: str) -> SkipReason | None: ...
    def do(self, tx: Tx, incidents: Sequence[LockedIncident], by: str) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class AcknowledgeAction:
    """Acknowledges incidents until `until`, or until they are reopened."""

    until: Instant | None = None
    name: str = "acknowledge"

    @property
    def detail(self) -> str | None:
        return audit_details.until_detail(self.until)

    def check(self, now: Instant) -> None:
        actions.check_until(self.until, now)

    def refused(self, incident: LockedIncident, by: str) -> SkipReason | None:
        if incident.state is State.RESOLVED:
            return "resolved"
        if incident.state is not State.ACKNOWLEDGED:
            return None
        if incident.acknowledged_by != by:
            return "taken"
        return "already" if incident.acknowledged_until == self.until else None

    def do(self, tx: Tx, incidents: Sequence[LockedIncident], by: str) -> None:
        effects.acknowledge(tx, *incidents, by=by, until=self.until)


@dataclass(frozen=True, slots=True, kw_only=True)
class SnoozeAction:
    """Holds everything but the incidents' resolution until `until`."""

    until: Instant
    name: str = "snooze"

    @property
    def detail(self) -> str | None:
        return audit_details.until_detail(self.until)

    def check(self, now: Instant) -> None:
        actions.check_until(self.until, now)

    def refused(self, incident: LockedIncident, by: str) -> SkipReason | None:
        if incident.state is State.RESOLVED:
            return "resolved"
        if incident.snoozed_until is None:
            return None
        if incident.snoozed_by != by:
            return "taken"
        return "already" if incident.snoozed_until == self.until else None

    def do(self, tx: Tx, incidents: Sequence[LockedIncident], by: str) -> None:
        effects.snooze(tx, *incidents, by=by, until=self.until)


@dataclass(frozen=True, slots=True, kw_only=True)
class ResolveAction:
    """Resolves the incidents."""

    name: str = "resolve"
    detail: str | None = None

    def check(self, now: Instant) -> None:
        pass

    def refused(self, incident: LockedIncident, by: str) -> SkipReason | None:
        if incident.state is not State.RESOLVED:
            return None
        return "already" if incident.resolved_by == by else "resolved"

    def do(self, tx: Tx, incidents: Sequence[LockedIncident], by: str) -> None:
        effects.resolve(tx, *incidents, by=by)


async def act_on_named(
    database: Database, actor: Actor, act: BulkAction, names: Sequence[str]
) -> BulkOutcome:
    """Acts on the incidents with these ids or numbers. Repeated names count once."""
    unique = tuple(dict.fromkeys(names))
    ids = await database.read(lambda tx: exact_ids(tx, "incident", unique, actor.project_scope))
    return await database.write(
        partial(_perform, actor=actor, act=act, names={name: ids.get(name) for name in unique})
    )


async def act_on_matches(
    database: Database,
    actor: Actor,
    act: BulkAction,
    q: str,
    *,
    state: State | None = None,
    most: int = MAX_INCIDENTS,
) -> BulkOutcome:
    """Acts on incidents that match a query, as `search` reads it, and are unresolved or in `state`.

    Raises `Unreadable` if there are more than `most`: `MAX_INCIDENTS`, or up to `MAX_CONFIRMED` for a person who has
    confirmed.
    """
    ids, count = await _matching(database, actor, q, state, most=most)
    if count > most:
        raise Unreadable(
            "q",
            f"{count:,} incidents match, and one call acts on at most {most:,}: nothing was done, narrow it",
        )
    return await in_batches(database, actor, act, ids)


async def in_batches(database: Database, actor: Actor, act: BulkAction, ids: Sequence[str]) -> BulkOutcome:
    """Acts on the incidents with these ids, `MAX_INCIDENTS` per transaction."""
    done, skipped = 0, list[SkippedIncident]()
    for first in range(0, max(len(ids), 1), MAX_INCIDENTS):  # also without ids: an invalid action is refused
        names = {id_: id_ for id_ in ids[first : first + MAX_INCIDENTS]}
        outcome = await database.write(partial(_perform, actor=actor, act=act, names=names))
        done += outcome.done
        skipped += outcome.skipped
    return BulkOutcome(done=done, skipped=tuple(skipped))


async def count_matches(database: Database, actor: Actor, q: str, *, state: State | None = None) -> int:
    """The number of incidents that an action on all matches would change."""
    return (await _matching(database, actor, q, state, most=0))[1]


async def _matching(
    database: Database, actor: Actor, q: str, state: State | None, *, most: int
) -> tuple[list[str], int]:
    terms = search.read(q)
    if not terms.matchers and not terms.words:
        raise Unreadable("q", "an empty query would act on everything: give a matcher or a word")
    query = views.IncidentSearch(
        project=actor.project, state=state, unresolved=True, matchers=terms.matchers, words=terms.words
    )
    return await database.read(lambda tx: views.matching(tx, query, most=most))


def _perform(tx: Tx, actor: Actor, act: BulkAction, names: Mapping[str, str | None]) -> BulkOutcome:
    """Acts in one transaction. `names` maps to ids, None for an unknown or ambiguous name."""
    act.check(tx.now)
    ids = {id_ for id_ in names.values() if id_ is not None}
    locked = lock_all(tx, ids, project=actor.project_scope)
    skipped: list[SkippedIncident] = []
    chosen: dict[int, LockedIncident] = {}
    for name, id_ in names.items():
        incident = None if id_ not in locked else in_force(locked[id_], tx.now)
        reason = "unknown" if incident is None else act.refused(incident, actor.name)
        if incident is not None and reason is None and incident.number not in chosen:
            chosen[incident.number] = incident
        else:
            skipped.append(SkippedIncident(id=name, reason=reason or "already"))
    if chosen:
        act.do(tx, list(chosen.values()), actor.name)
        for incident in chosen.values():
            actor.record(tx, act.name, incident.id, act.detail)
    return BulkOutcome(done=len(chosen), skipped=tuple(skipped))
