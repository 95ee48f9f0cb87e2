"""What a task run's changes make of it, whatever their order; when it is a dead letter; when it may be asked for again.

`merge` is a join: changes may come in any order and any number of times, and the outcome is the same.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import reduce
from typing import Any, Final, Literal

from notifier.domain.task_run import DeadLetterState, Replayable, RunState, TaskRun
from notifier.domain.time import Instant

LARGEST_ATTEMPT: Final = 2**31 - 1
TASK_LOST: Final = "TaskLost"
GUESSED_BY: Final = "notifier"
"""The module of the error that the service itself gives a run whose process is gone."""

PROCESSING_STEP: Final = 1
GUESSED_STEP: Final = 3
STEPS: Final = 8
"""A rank below the final ones is `attempt * STEPS + step`."""

_STEP: Final = {RunState.PENDING: 0, RunState.PROCESSING: PROCESSING_STEP, RunState.RETRYING: 2}
_LOST_STEP: Final = 4
_FAILED, _COMPLETED = 1 << 40, 1 << 41
_BY_REPLAYABLE: Final = {Replayable.NO: 0, Replayable.YES: 1, Replayable.TOUCHED: 2}

Verdict = Literal["recovered", "other_events", "still_failing"]
Refusal = Literal["not_failed", "replayed", "not_replayable", "touched"]


def rank(run: TaskRun) -> int:
    """The place of a change among those of its run: the higher one says how the run stands.

    What a client says is final beats all else; then the attempt counts, then how far it went. A `lost` that the service
    has guessed gives way to a client's own.
    """
    if run.state is RunState.COMPLETED:
        return _COMPLETED + run.attempt * STEPS
    if run.state is RunState.FAILED:
        return _FAILED + run.attempt * STEPS
    if run.state is RunState.LOST:
        return run.attempt * STEPS + (GUESSED_STEP if guessed(run.error) else _LOST_STEP)
    return run.attempt * STEPS + _STEP[run.state]


def guessed(error: Mapping[str, Any] | None) -> bool:
    """Whether this is the error of a run that the service took for lost."""
    return error is not None and error.get("type") == TASK_LOST and error.get("module") == GUESSED_BY


def lost(run: TaskRun, *, seen_at: Instant, goodbye: bool) -> TaskRun:
    """The change that ends a run whose process is gone; `seen_at` is the process's last sign of life."""
    message = "its process ended without a word" if not goodbye else "its process ended before it did"
    error = {
        "type": TASK_LOST,
        "module": GUESSED_BY,
        "message": message,
        "reason": "interrupted" if goodbye else "killed",
    }
    return replace(
        run,
        state=RunState.LOST,
        finished_at=seen_at,
        duration_ms=None,
        result=None,
        error=error,
        started_at=None,
    )


def again(run: TaskRun, *, id_: str, now: Instant) -> TaskRun:
    """The run that replays this one; nobody has it yet."""
    return TaskRun(
        project=run.project,
        id=id_,
        task=run.task,
        service=run.service,
        environment=run.environment,
        state=RunState.PENDING,
        attempt=1,
        max_attempts=run.max_attempts,
        created_at=now,
        key=run.key,
        replay_of=run.id,
        arguments=run.arguments,
        replayable=run.replayable,
    )


def merge(one: TaskRun, other: TaskRun) -> TaskRun:
    """The run as both changes together say. State and outcome are those of the higher; the rest is kept from either."""
    if one == other:
        return one
    if _order(one, other):
        one, other = other, one
    return replace(
        one,
        created_at=min(one.created_at, other.created_at),
        started_at=_larger(one.started_at, other.started_at),
        max_attempts=_larger(one.max_attempts, other.max_attempts),
        key=_larger(one.key, other.key),
        process=one.process if one.process is not None else other.process,
        replay_of=_larger(one.replay_of, other.replay_of),
        arguments=one.arguments if _text(one.arguments) >= _text(other.arguments) else other.arguments,
        replayable=max(one.replayable, other.replayable, key=_BY_REPLAYABLE.__getitem__),
    )


def fold(changes: Iterable[TaskRun]) -> TaskRun:
    """All changes of one run as one. There is at least one."""
    return reduce(merge, changes)


def letter(run: TaskRun, before: DeadLetterState | None) -> DeadLetterState | None:
    """What the run is as a dead letter once a change has moved it; `before` is what it was."""
    kept = before if before in {"replayed", "discarded"} else None
    if run.state is RunState.COMPLETED:
        return None
    return kept or "waiting" if run.state in {RunState.FAILED, RunState.LOST} else kept


def verdict(*, count: int, of_runs: int, failing: bool) -> Verdict:
    """Whether an incident has recovered: all its events came from task runs, and each of those has ended well.

    `count` are its events, `of_runs` those that a run sent, `failing` whether one of the runs has not ended well.
    """
    if of_runs != count:
        return "other_events"
    return "still_failing" if failing else "recovered"


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    """What decides whether a run may be asked for again; `kept` says that its arguments are."""

    state: RunState
    kept: bool
    replayable: Replayable
    newest_replay: RunState | None


def refusal(asking: Asking) -> Refusal | None:
    """Why a run is not run again; None: it is."""
    ended_badly = {RunState.FAILED, RunState.LOST}
    if asking.state not in ended_badly:
        return "not_failed"
    if asking.newest_replay is not None and asking.newest_replay not in ended_badly:
        return "replayed"
    if asking.replayable is Replayable.TOUCHED:
        return "touched"
    return None if asking.replayable is Replayable.YES and asking.kept else "not_replayable"


def _order(one: TaskRun, other: TaskRun) -> bool:
    """Whether `other` is the higher. Equal ranks differ only where a change came twice and not quite the same."""
    first, second = rank(one), rank(other)
    return second > first if first != second else _content(other) > _content(one)


def _content(run: TaskRun) -> tuple[Any, ...]:
    """Any order will do, as long as it is always the same; the earlier end is the better known one."""
    finished, duration = run.finished_at, run.duration_ms
    return (
        finished is not None,
        0 if finished is None else -finished,
        -1.0 if duration is None else duration,
        _text(run.result),
        _text(run.error),
        run.task,
        run.service,
        run.environment,
        run.process or "",
    )


def _larger(one: Any, other: Any) -> Any:
    if one is None or other is None:
        return other if one is None else one
    return max(one, other)


def _text(value: object) -> str:
    return "" if value is None else json.dumps(value, sort_keys=True)
