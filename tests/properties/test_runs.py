"""A task run depends only on the set of its changes, not on their order or repetition."""

from __future__ import annotations

from functools import reduce
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from notifier.domain.task_run import Replayable, RunState, TaskRun
from notifier.domain.value import replace
from notifier.policy import runs

BASE = TaskRun(
    project="shop",
    id="run",
    task="billing.charge",
    service="billing",
    environment="production",
    state=RunState.PENDING,
    attempt=1,
    created_at=0,
)
MOMENTS = st.none() | st.integers(0, 20)
VALUES: st.SearchStrategy[Any] = st.none() | st.sampled_from([0, "", "x", [1], {"a": 1}, {"b": None}])
ERRORS: st.SearchStrategy[Any] = st.none() | st.sampled_from([
    {"type": "ValueError"},
    {"type": "TaskLost", "reason": "cancelled"},
    {"type": "TaskLost", "module": "notifier", "reason": "killed"},
])  # fmt: skip


@st.composite
def changes(draw: st.DrawFn) -> TaskRun:
    """A change with any content; as from a client, the process belongs to the attempt."""
    attempt = draw(st.integers(1, 3))
    return replace(
        BASE,
        state=draw(st.sampled_from(RunState)),
        attempt=attempt,
        max_attempts=draw(st.none() | st.integers(1, 3)),
        created_at=draw(st.integers(0, 20)),
        started_at=draw(MOMENTS),
        finished_at=draw(MOMENTS),
        duration_ms=draw(st.none() | st.floats(0, 10)),
        result=draw(VALUES),
        error=draw(ERRORS),
        key=draw(st.none() | st.sampled_from("ab")),
        process=f"host-{attempt}",
        replay_of=draw(st.none() | st.sampled_from("cd")),
        arguments=draw(st.none() | st.sampled_from([{"args": [1]}, {"args": [2]}])),
        replayable=draw(st.sampled_from(Replayable)),
    )


@given(st.data())
def test_order_and_repeats_do_not_matter(data: st.DataObject) -> None:
    """Any permutation with repetitions gives the same run, even for contradictory changes."""
    told = data.draw(st.lists(changes(), min_size=1, max_size=6))
    again = data.draw(st.permutations([*told, *data.draw(st.lists(st.sampled_from(told), max_size=4))]))
    assert runs.merge_all(again) == runs.merge_all(told)


@given(st.lists(changes(), min_size=2, max_size=6), st.integers(1, 5))
def test_a_batch_is_as_good_as_one_by_one(told: list[TaskRun], cut: int) -> None:
    """Merging two halves, as two requests do, gives the same as merging all changes."""
    first, second = told[:cut], told[cut:]
    if first and second:
        assert runs.merge(runs.merge_all(first), runs.merge_all(second)) == reduce(runs.merge, told)


@given(changes(), changes())
def test_the_higher_change_says_how_it_stands(one: TaskRun, other: TaskRun) -> None:
    """A client's final state wins, `completed` before others; then the higher attempt, then the later state."""
    merged = runs.merge(one, other)
    states = {one.state, other.state}
    if RunState.COMPLETED in states:
        assert merged.state is RunState.COMPLETED
    elif RunState.FAILED in states:
        assert merged.state is RunState.FAILED
    else:
        assert merged.attempt == max(one.attempt, other.attempt)
        order = [RunState.PENDING, RunState.PROCESSING, RunState.RETRYING, RunState.LOST]
        newest = [run for run in (one, other) if run.attempt == merged.attempt]
        assert merged.state is max((run.state for run in newest), key=order.index)


@given(changes(), changes())
def test_what_was_known_is_kept(one: TaskRun, other: TaskRun) -> None:
    """No change removes what another has reported."""
    merged = runs.merge(one, other)
    for name in ("started_at", "key", "arguments", "replay_of", "max_attempts", "process"):
        told = {str(getattr(run, name)) for run in (one, other) if getattr(run, name) is not None}
        assert (str(getattr(merged, name)) in told) if told else getattr(merged, name) is None
    assert merged.created_at == min(one.created_at, other.created_at)


@given(changes())
def test_what_the_service_guesses_gives_way(run: TaskRun) -> None:
    """A `lost` that the service inferred ends only an unfinished run; a client's report or any final state overrides
    it.
    """
    guess = runs.lost(run, seen_at=7, goodbye=False)
    assert runs.merge(run, guess).state is (run.state if run.state.final else RunState.LOST)
    own = replace(run, state=RunState.LOST, error={"type": "TaskLost", "reason": "cancelled"})
    assert runs.merge(guess, own).error == own.error
    assert runs.merge(guess, replace(run, state=RunState.COMPLETED)).state is RunState.COMPLETED
