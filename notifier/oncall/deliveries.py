"""Queries about deliveries, and the commands that end or renew dead letters."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from notifier.domain.delivery import DeliveryState
from notifier.domain.time import Instant
from notifier.oncall.actor import Actor
from notifier.oncall.errors import Refused, Unknown
from notifier.oncall.paging import Listing, Wanted, listing
from notifier.store import board, outbox
from notifier.store.alerting import Plan
from notifier.store.board import Attempt, DeliveryView
from notifier.store.database import Database, Tx

AT_ONCE = 500
"""Dead letters that one transaction decides about."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Skipped:
    """A dead letter that was named and left alone: its present state, None where there is none of that id."""

    id: str
    state: DeliveryState | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """What a command about dead letters did, and what it left alone."""

    ids: tuple[str, ...] = ()
    skipped: tuple[Skipped, ...] = ()


async def find(
    database: Database, *, project: str, state: DeliveryState | None, channel: str | None, wanted: Wanted
) -> Listing[DeliveryView]:
    """Deliveries of a project, newest first."""
    query = board.DeliverySearch(project=project, state=state, channel=channel)
    after = wanted.after("deliveries")
    page = await database.read(lambda tx: board.find_deliveries(tx, query, after=after, limit=wanted.limit))
    return listing("deliveries", page)


async def dead_letters(
    database: Database, *, project: str, channel: str | None, wanted: Wanted
) -> Listing[DeliveryView]:
    """Deliveries that wait for a person, the latest death first."""
    after = wanted.after("dead-letters")
    page = await database.read(
        lambda tx: board.find_dead_letters(
            tx, project=project, channel=channel, after=after, limit=wanted.limit
        )
    )
    return listing("dead-letters", page)


async def one(database: Database, id_: str, *, reach: str | None) -> tuple[DeliveryView, tuple[Attempt, ...]]:
    """A delivery with every attempt, or `Unknown`."""
    return await database.read(lambda tx: (_known(tx, id_, reach), board.attempts_of(tx, id_)))


async def redeliver(
    database: Database, plan: Plan, id_: str, actor: Actor
) -> tuple[DeliveryView, tuple[Attempt, ...]]:
    """Return one dead letter to pending, under its id. `Refused` with its state where it is not dead."""

    def work(tx: Tx) -> tuple[DeliveryView, tuple[Attempt, ...]]:
        before = _known(tx, id_, actor.reach)
        if before.state is not DeliveryState.DEAD:
            raise Refused(
                f"only a dead delivery is redelivered, and this one is {before.state.value}",
                state=before.state.value,
            )
        if before.target_id not in _configured(plan):
            raise Refused(
                "the configuration no longer has this delivery's target: discard it, or configure the target again",
                state=before.state.value,
            )
        outbox.redeliver(tx, plan, [id_])
        actor.record(tx, "redeliver", id_)
        return _known(tx, id_, actor.reach), board.attempts_of(tx, id_)

    return await database.write(work)


async def redeliver_all(
    database: Database, plan: Plan, actor: Actor, *, ids: Sequence[str] = (), channel: str | None = None
) -> Decided:
    """Return these dead letters, or all of a channel, to pending; what is not dead is skipped."""
    decision = _Decision(
        actor=actor,
        action="redeliver",
        act=lambda tx, chosen: outbox.redeliver(tx, plan, chosen),
        targets=_configured(plan),
    )
    return await _decide(database, decision, ids, channel)


async def discard_all(
    database: Database, actor: Actor, *, ids: Sequence[str] = (), channel: str | None = None
) -> Decided:
    """End these dead letters, or all of a channel, for good; what is not dead is skipped."""
    decision = _Decision(actor=actor, action="discard", act=outbox.discard, targets=None)
    return await _decide(database, decision, ids, channel)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Decision:
    """What is done to dead letters; only to those of these target rows, of any where that is None."""

    actor: Actor
    action: str
    act: Callable[[Tx, Sequence[str]], tuple[str, ...]]
    targets: frozenset[int] | None

    def about(self, ids: Sequence[str]) -> Callable[[Tx], Decided]:
        return lambda tx: self._make(tx, ids)

    def _make(self, tx: Tx, ids: Sequence[str]) -> Decided:
        known = board.states(tx, ids, project=self.actor.reach)
        chosen = [id_ for id_, (state, target) in sorted(known.items()) if self._concerns(state, target)]
        done = self.act(tx, chosen) if chosen else ()
        for id_ in done:
            self.actor.record(tx, self.action, id_)
        left = [id_ for id_ in ids if id_ not in set(done)]
        skipped = tuple(Skipped(id=id_, state=known[id_][0] if id_ in known else None) for id_ in left)
        return Decided(ids=tuple(done), skipped=skipped)

    def _concerns(self, state: DeliveryState, target: int) -> bool:
        return state is DeliveryState.DEAD and (self.targets is None or target in self.targets)


async def _decide(
    database: Database, decision: _Decision, ids: Sequence[str], channel: str | None
) -> Decided:
    if channel is None:
        wanted = list(dict.fromkeys(ids))
        batches = [wanted[start : start + AT_ONCE] for start in range(0, len(wanted), AT_ONCE)]
        return _sum([await database.write(decision.about(batch)) for batch in batches])
    now, last, parts = database.now(), None, []
    # What dies again meanwhile is later than `now` or before `last`: the loop ends.
    while batch := await database.read(_dead(decision.actor.project, channel, now, last)):
        parts.append(await database.write(decision.about(batch)))
        last = batch[-1]
    return _sum(parts)


def _dead(project: str, channel: str, by: Instant, after: str | None) -> Callable[[Tx], tuple[str, ...]]:
    return lambda tx: board.dead_ids(
        tx, project=project, channel=channel, died_by=by, after=after, limit=AT_ONCE
    )


def _sum(parts: Sequence[Decided]) -> Decided:
    return Decided(
        ids=tuple(id_ for part in parts for id_ in part.ids),
        skipped=tuple(one for part in parts for one in part.skipped),
    )


def _known(tx: Tx, id_: str, reach: str | None) -> DeliveryView:
    found = None if "\0" in id_ else board.delivery(tx, id_, project=reach)
    if found is None:
        raise Unknown("delivery")
    return found


def _configured(plan: Plan) -> frozenset[int]:
    return frozenset(target for targets in plan.targets.values() for target in targets)
