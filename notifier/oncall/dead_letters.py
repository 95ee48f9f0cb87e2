"""Dead letters: queries, and the commands that retry or discard them."""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass

from notifier.domain.delivery import DeliveryState, Outcome
from notifier.domain.time import Instant
from notifier.oncall import task_runs as runs_desk
from notifier.oncall.actor import Actor
from notifier.oncall.deliveries import TARGET_GONE
from notifier.oncall.errors import Refused
from notifier.oncall.names import ambiguous, existing_ids, ids_ending
from notifier.oncall.paging import Listing, PageRequest, listing
from notifier.policy.rules import AlertingRules
from notifier.store import dead_letters, views
from notifier.store.database import Database, Tx
from notifier.store.statements import task_runs
from notifier.store.views import (
    DeadDeliveries,
    DeadLetter,
    DeadLetterKind,
    DeadRuns,
    NamedKind,
    RunStatus,
)

__all__ = [
    "MAX_COUNTED",
    "DeadDeliveries",
    "DeadLetter",
    "DeadLetterCounts",
    "DeadLetterKind",
    "DeadRuns",
    "DecisionResult",
    "Selection",
    "SkippedDeadLetter",
    "count",
    "discard",
    "find",
    "redeliver",
]

_NOTHING = "there is no dead letter of this id"
BATCH_SIZE = 500
"""The number of dead letters per transaction."""
MAX_COUNTED = 10_000
"""The maximum number of dead letters of each kind that `count` looks at."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """A selection of dead letters.

    Either by ids; or by channel, outcome, or both; or by task.
    """

    ids: Sequence[str] = ()
    channel: str | None = None
    outcome: Outcome | None = None
    task: str | None = None

    @property
    def by_id(self) -> bool:
        return self.channel is None and self.outcome is None and self.task is None


@dataclass(frozen=True, slots=True, kw_only=True)
class SkippedDeadLetter:
    """A dead letter that was selected by its id and skipped. `state` is None if there is none with that id.

    The state of a run that was already handled is the result: replayed, recovered, discarded. `why` is a sentence.
    """

    id: str
    state: str | None
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionResult:
    """The ids of changed dead letters, and the dead letters that were skipped."""

    ids: tuple[str, ...] = ()
    skipped: tuple[SkippedDeadLetter, ...] = ()

    @property
    def count(self) -> int:
        return len(self.ids)


async def find(
    database: Database,
    *,
    project: str,
    kind: DeadLetterKind | None,
    channel: str | None,
    outcome: Outcome | None = None,
    task: str | None = None,
    page_request: PageRequest,
) -> Listing[DeadLetter]:
    """Dead deliveries and task runs, latest first.

    Only deliveries if a channel or an outcome is given, only runs if a task is.
    """
    after = page_request.after("dead-letters")
    page = await database.read(
        lambda tx: views.find_dead_letters(
            tx,
            project=project,
            kind=kind,
            channel=channel,
            outcome=outcome,
            task=task,
            after=after,
            limit=page_request.limit,
        )
    )
    return listing("dead-letters", page)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetterCounts:
    """The numbers of dead letters by channel and outcome, and by task. At most `MAX_COUNTED` of each kind."""

    deliveries: tuple[DeadDeliveries, ...]
    runs: tuple[DeadRuns, ...]

    @property
    def whole(self) -> bool:
        """Whether all are counted."""
        return all(sum(part.count for part in parts) < MAX_COUNTED for parts in (self.deliveries, self.runs))


async def count(database: Database, *, project: str) -> DeadLetterCounts:
    """Counts the dead letters of a project."""
    return await database.read(
        lambda tx: DeadLetterCounts(
            deliveries=views.count_dead(tx, project=project, most=MAX_COUNTED),
            runs=views.count_dead_runs(tx, project=project, most=MAX_COUNTED),
        )
    )


async def redeliver(
    database: Database, rules: AlertingRules, actor: Actor, selection: Selection
) -> DecisionResult:
    """Sends dead deliveries and replays dead runs. Skips what is not dead or cannot be repeated."""
    decision = _Decision(
        actor=actor,
        action="redeliver",
        send=lambda tx, ids: dead_letters.redeliver(tx, rules, ids),
        targets=rules.channel_of.keys(),
        runs=lambda tx, ids: _replay(tx, ids, actor),
    )
    return await _decide(database, decision, selection)


async def discard(database: Database, actor: Actor, selection: Selection) -> DecisionResult:
    """Discards dead letters for good. Skips what is not dead."""
    decision = _Decision(
        actor=actor,
        action="discard",
        send=dead_letters.discard,
        targets=None,
        runs=lambda tx, ids: dict.fromkeys(_discard(tx, ids, actor)),
    )
    return await _decide(database, decision, selection)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Decision:
    """A decision about dead letters. `send` handles deliveries and `runs` task runs; both return ids.

    `runs` maps each id to None, or to the reason why it refused. Only deliveries to the rows in `targets` are
    selected, all if that is None.
    """

    actor: Actor
    action: str
    send: Callable[[Tx, Sequence[str]], tuple[str, ...]]
    targets: Container[int] | None
    runs: Callable[[Tx, Sequence[str]], Mapping[str, str | None]]

    def about(self, ids: Sequence[str]) -> Callable[[Tx], DecisionResult]:
        return lambda tx: self._make(tx, ids)

    def _make(self, tx: Tx, ids: Sequence[str]) -> DecisionResult:
        deliveries = views.states(tx, ids, project=self.actor.project_scope)
        others = [id_ for id_ in ids if id_ not in deliveries]
        runs = views.run_statuses(tx, others, project=self.actor.project_scope) if others else {}
        affected = [
            id_ for id_, (state, target) in sorted(deliveries.items()) if self._concerns(state, target)
        ]
        done = self.send(tx, affected) if affected else ()
        for id_ in done:
            self.actor.record(tx, self.action, id_)
        waiting = [id_ for id_, run in sorted(runs.items()) if run.dead_letter == "waiting"]
        answered = self.runs(tx, waiting) if waiting else {}
        done += tuple(id_ for id_, refusal in answered.items() if refusal is None)
        skipped = [
            SkippedDeadLetter(
                id=id_,
                state=_state(id_, deliveries, runs),
                why=answered.get(id_) or _why(id_, deliveries, runs),
            )
            for id_ in ids
            if id_ not in set(done)
        ]
        return DecisionResult(ids=done, skipped=tuple(skipped))

    def _concerns(self, state: DeliveryState, target: int) -> bool:
        return state is DeliveryState.DEAD and (self.targets is None or target in self.targets)


_Deliveries = Mapping[str, tuple[DeliveryState, int]]
_Runs = Mapping[str, RunStatus]


def _state(id_: str, deliveries: _Deliveries, runs: _Runs) -> str | None:
    if id_ in deliveries:
        return deliveries[id_][0].value
    run = runs.get(id_)
    if run is None:
        return None
    return run.state.value if run.dead_letter in {None, "waiting"} else str(run.dead_letter)


def _why(id_: str, deliveries: _Deliveries, runs: _Runs) -> str:
    state = _state(id_, deliveries, runs)
    if state is None:
        return _NOTHING
    if id_ in deliveries:
        if state == DeliveryState.DEAD.value:
            return TARGET_GONE
        return f"only a dead delivery is decided about, and this one is {state}"
    if runs[id_].dead_letter is None:
        return f"only a failed or lost run is decided about, and this one is {state}"
    return f"this run was decided about before: it is {state}"


def _replay(tx: Tx, ids: Sequence[str], actor: Actor) -> dict[str, str | None]:
    answered: dict[str, str | None] = {}
    for id_ in ids:
        try:
            answered[id_] = _NOTHING if runs_desk.request_replay(tx, id_, actor) is None else None
        except Refused as refused:
            answered[id_] = str(refused)
    return answered


def _discard(tx: Tx, ids: Sequence[str], actor: Actor) -> tuple[str, ...]:
    done = task_runs.discard(tx, ids, project=actor.project_scope)
    for id_ in done:
        actor.record(tx, "discard", id_)
    return done


async def _decide(database: Database, decision: _Decision, selection: Selection) -> DecisionResult:
    if selection.by_id:
        named = tuple(dict.fromkeys(selection.ids))
        ids, ambiguous_names = await database.read(
            lambda tx: _resolved_ids(tx, named, decision.actor.project_scope)
        )
        batches = [ids[start : start + BATCH_SIZE] for start in range(0, len(ids), BATCH_SIZE)]
        done = [await database.write(decision.about(batch)) for batch in batches]
        return _sum([*done, DecisionResult(skipped=ambiguous_names)])
    now, last, parts = database.now(), None, []
    # What dies again meanwhile is later than `now` or before `last`, so the loop ends.
    while batch := await database.read(_waiting(decision.actor.project, selection, now, last)):
        parts.append(await database.write(decision.about(batch)))
        last = batch[-1]
    return _sum(parts)


def _resolved_ids(
    tx: Tx, names: Sequence[str], project_scope: str | None
) -> tuple[Sequence[str], tuple[SkippedDeadLetter, ...]]:
    """The ids behind these names, without repeats, and the ambiguous names. Unknown names are returned unchanged."""
    kinds: Sequence[NamedKind] = ("delivery", "task run")
    ends = set(names) - existing_ids(tx, kinds, set(names), project_scope)
    deliveries, runs = (ids_ending(tx, kind, ends, project_scope) for kind in kinds)
    resolved: dict[str, None] = {}
    ambiguous_names = []
    for name in names:
        ids = {*deliveries.get(name, ()), *runs.get(name, ())}
        if len(ids) < 2:
            resolved[ids.pop() if ids else name] = None
        else:
            ambiguous_names.append(
                SkippedDeadLetter(id=name, state=None, why=ambiguous("dead letter", len(ids)))
            )
    return list(resolved), tuple(ambiguous_names)


def _waiting(
    project: str, selection: Selection, by: Instant, after: str | None
) -> Callable[[Tx], tuple[str, ...]]:
    def work(tx: Tx) -> tuple[str, ...]:
        if selection.task is not None:
            return views.dead_run_ids(
                tx, project=project, task=selection.task, died_by=by, after=after, limit=BATCH_SIZE
            )
        return views.dead_ids(
            tx,
            project=project,
            channel=selection.channel,
            outcome=selection.outcome,
            died_by=by,
            after=after,
            limit=BATCH_SIZE,
        )

    return work


def _sum(parts: Sequence[DecisionResult]) -> DecisionResult:
    return DecisionResult(
        ids=tuple(id_ for part in parts for id_ in part.ids),
        skipped=tuple(skip for part in parts for skip in part.skipped),
    )
