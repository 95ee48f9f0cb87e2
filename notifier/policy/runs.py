"""Task runs: merging of their changes, dead letters, and replays.

`merge` is commutative, associative and idempotent: changes may arrive in any order and more than once.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import reduce
from typing import Any, Final, Literal

from notifier.domain.task_run import DeadLetterState, Replayable, RunState, TaskRun
from notifier.domain.time import Instant
from notifier.domain.value import replace

LARGEST_ATTEMPT: Final = 2**31 - 1
TASK_LOST: Final = "TaskLost"
ASSUMED_BY: Final = "notifier"
"""The module of the error that the service assigns to a lost run."""

PROCESSING_STEP: Final = 1
GUESSED_STEP: Final = 3
STEPS: Final = 8
"""A rank below the final ones is `attempt * STEPS + step`."""

_STEP: Final = {RunState.PENDING: 0, RunState.PROCESSING: PROCESSING_STEP, RunState.RETRYING: 2}
_LOST_STEP: Final = 4
_FAILED, _COMPLETED = 1 << 40, 1 << 41
_BY_REPLAYABLE: Final = {Replayable.NO: 0, Replayable.YES: 1, Replayable.TOUCHED: 2}

Recovery = Literal["recovered", "other_events", "still_failing"]
ReplayRefusal = Literal["not_failed", "replayed", "not_replayable", "touched"]


def rank(run: TaskRun) -> int:
    """The rank of a change among those of its run. The highest rank determines the run's state.

    A final state that a client reports has the highest rank; then the attempt counts, then its progress. A `lost`
    that the service has assumed ranks below one that a client reports.
    """
    if run.state is RunState.COMPLETED:
        return _COMPLETED + run.attempt * STEPS
    if run.state is RunState.FAILED:
        return _FAILED + run.attempt * STEPS
    if run.state is RunState.LOST:
        return run.attempt * STEPS + (GUESSED_STEP if is_assumed(run.error) else _LOST_STEP)
    return run.attempt * STEPS + _STEP[run.state]


def is_assumed(error: Mapping[str, Any] | None) -> bool:
    """Whether the service itself has declared this run lost."""
    return error is not None and error.get("type") == TASK_LOST and error.get("module") == ASSUMED_BY


def lost(run: TaskRun, *, seen_at: Instant, goodbye: bool) -> TaskRun:
    """The change that ends a run whose process is gone. `seen_at` is the process's last heartbeat."""
    message = (
        "its process was killed or stopped responding"
        if not goodbye
        else "its process exited before the task finished"
    )
    error = {
        "type": TASK_LOST,
        "module": ASSUMED_BY,
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


def replay(run: TaskRun, *, id_: str, now: Instant) -> TaskRun:
    """A run that replays another one; no process has claimed it yet."""
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


def merge(first: TaskRun, second: TaskRun) -> TaskRun:
    """The run after both changes.

    State and outcome come from the one with the higher rank, other fields from either.
    """
    if first == second:
        return first
    higher, lower = (second, first) if _is_higher(second, first) else (first, second)
    return replace(
        higher,
        created_at=min(higher.created_at, lower.created_at),
        started_at=_larger(higher.started_at, lower.started_at),
        max_attempts=_larger(higher.max_attempts, lower.max_attempts),
        key=_larger(higher.key, lower.key),
        process=higher.process if higher.process is not None else lower.process,
        replay_of=_larger(higher.replay_of, lower.replay_of),
        arguments=higher.arguments if _text(higher.arguments) >= _text(lower.arguments) else lower.arguments,
        replayable=max(higher.replayable, lower.replayable, key=_BY_REPLAYABLE.__getitem__),
    )


def merge_all(changes: Iterable[TaskRun]) -> TaskRun:
    """All changes of one run merged; there must be at least one."""
    return reduce(merge, changes)


def dead_letter_state(run: TaskRun, before: DeadLetterState | None) -> DeadLetterState | None:
    """The run's state as a dead letter after a change. `before` is its state before the change."""
    decided = before if before in {"replayed", "discarded"} else None
    if run.state is RunState.COMPLETED:
        return None
    return decided or "waiting" if run.state in {RunState.FAILED, RunState.LOST} else decided


def recovery(*, count: int, of_runs: int, failing: bool) -> Recovery:
    """Whether an incident has recovered: all its events came from task runs, and each of those has succeeded since.

    `count` is the number of its events, `of_runs` the number of those sent by runs, `failing` whether a run has not
    succeeded.
    """
    if of_runs != count:
        return "other_events"
    return "still_failing" if failing else "recovered"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayCandidate:
    """The part of a failed run that decides about a replay. `has_arguments` says that its arguments are stored."""

    state: RunState
    has_arguments: bool
    replayable: Replayable
    newest_replay: RunState | None


def replay_refusal(candidate: ReplayCandidate) -> ReplayRefusal | None:
    """Why a run may not be replayed, or None if it may."""
    ended_badly = {RunState.FAILED, RunState.LOST}
    if candidate.state not in ended_badly:
        return "not_failed"
    if candidate.newest_replay is not None and candidate.newest_replay not in ended_badly:
        return "replayed"
    if candidate.replayable is Replayable.TOUCHED:
        return "touched"
    return None if candidate.replayable is Replayable.YES and candidate.has_arguments else "not_replayable"


def _is_higher(change: TaskRun, other: TaskRun) -> bool:
    """Whether `change` ranks above `other`.

    Changes of equal rank are ordered by content, so that `merge` commutes.
    """
    ranks = rank(change), rank(other)
    return ranks[0] > ranks[1] if ranks[0] != ranks[1] else _content(change) > _content(other)


def _content(run: TaskRun) -> tuple[Any, ...]:
    """An arbitrary but fixed order of changes with equal rank; an earlier end is preferred."""
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


def _larger(first: Any, second: Any) -> Any:
    if first is None or second is None:
        return second if first is None else first
    return max(first, second)


def _text(value: object) -> str:
    return "" if value is None else json.dumps(value, sort_keys=True)
