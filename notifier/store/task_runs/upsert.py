"""Changes of task runs, a batch at a time: merged with what is known, written with one statement."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from notifier.domain.errors import StoreFull
from notifier.domain.task_run import RunState, TaskRun
from notifier.policy import runs
from notifier.store.compiled import execute
from notifier.store.database import Tx
from notifier.store.json_rows import encode_rows
from notifier.store.sizes import bytes_in_use
from notifier.store.task_runs.recovery import settle
from notifier.store.task_runs.rows import Name, Stored, cells, hold, stored
from notifier.store.task_runs.statements import find, write


@dataclass(frozen=True, slots=True, kw_only=True)
class Landed:
    """What a batch has changed: the runs that are final now and were not so, or ended otherwise."""

    ended: tuple[TaskRun, ...]

    def count(self, state: RunState) -> int:
        return sum(run.state is state for run in self.ended)


def upsert(tx: Tx, changes: Sequence[TaskRun], *, max_size: int | None = None) -> Landed:
    """Store changes in any order and any number of times; what ends by them is settled in the same transaction."""
    if max_size is not None and tx.dialect == "sqlite" and bytes_in_use(tx) >= max_size:
        raise StoreFull("the database has reached database.max_size")
    folded: dict[Name, list[TaskRun]] = {}
    for change in changes:
        folded.setdefault((change.project, change.id), []).append(change)
    hold(tx, (name for change in changes for name in _names(change)))
    names = sorted(folded)
    rows = execute(tx, find, {"names": encode_rows(names)})
    known = {(one.run.project, one.run.id): one for one in map(stored, rows)}
    after = {name: _merged(known.get(name), runs.merge_all(folded[name])) for name in names}
    changed = [one for name, one in after.items() if one != known.get(name)]
    if changed:
        execute(tx, write, {"runs": encode_rows(map(cells, changed))})
    landed = Landed(ended=tuple(one.run for one in changed if _has_ended(known, one)))
    if landed.ended:
        settle(tx, landed.ended)
    return landed


def _names(run: TaskRun) -> Iterator[tuple[str, ...]]:
    """What else is decided about together: runs of one key, and a run with its replays."""
    yield (run.project, run.id)
    if run.key is not None:
        yield (run.project, run.service, run.task, run.key)
    if run.replay_of is not None:
        yield (run.project, run.replay_of)


def _merged(known: Stored | None, change: TaskRun) -> Stored:
    if known is None:
        return Stored(run=change, letter=runs.dead_letter_state(change, None), asked_at=None)
    merged = runs.merge(known.run, change)
    moved = runs.rank(merged) != runs.rank(known.run)
    letter = runs.dead_letter_state(merged, known.letter) if moved else known.letter
    # Whoever tells of it has it: it is not handed out any more.
    return Stored(run=merged, letter=letter, asked_at=None)


def _has_ended(known: dict[Name, Stored], one: Stored) -> bool:
    if not one.run.state.final:
        return False
    before = known.get((one.run.project, one.run.id))
    return before is None or runs.rank(before.run) != runs.rank(one.run)
